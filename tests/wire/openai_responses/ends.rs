//! How an answer ends.

use super::*;

#[test]
fn final_events_and_statuses() {
    let finish = |reason: &str| vec![Delta::finish(reason.to_owned()), Delta::Done];
    let failed = |message: &str, code: &str| {
        let error = ProviderError::new(message);
        vec![Delta::Error(if code.is_empty() { error } else { error.code(code) })]
    };
    let cancelled = failed("the response was cancelled", "cancelled");
    let boom = json!({"status": "failed", "error": {"code": "server_error", "message": "boom"}});
    let cut =
        |reason: &str| json!({"status": "incomplete", "incomplete_details": {"reason": reason}});
    for (kind, response, expected) in [
        ("completed", json!({"status": "completed"}), finish("completed")),
        ("completed", json!({}), finish("completed")),
        ("completed", json!({"status": "in_progress"}), finish("completed")),
        ("incomplete", cut("max_output_tokens"), finish("max_output_tokens")),
        ("incomplete", cut("content_filter"), finish("content_filter")),
        ("incomplete", cut("steered"), finish("steered")),
        ("incomplete", json!({"incomplete_details": null}), finish("incomplete")),
        ("failed", boom.clone(), failed("boom", "server_error")),
        ("failed", json!({"error": "boom"}), failed("boom", "")),
        ("failed", json!({"error": null}), failed("error without a message", "")),
        ("failed", json!({}), failed("error without a message", "")),
        ("cancelled", json!({"status": "cancelled"}), cancelled.clone()),
        // The status takes precedence over the event's name.
        ("completed", cut("max_output_tokens"), finish("max_output_tokens")),
        ("completed", boom, failed("boom", "server_error")),
        ("completed", json!({"status": "cancelled"}), cancelled),
        // But a completed status does not undo a failure.
        ("failed", json!({"status": "completed"}), failed("error without a message", "")),
    ] {
        assert_eq!(events([about(kind, &response), text(0, "x")]), expected, "{kind} {response}");
    }
    // The usage so far precedes the error.
    let raw = json!({"input_tokens": 1, "output_tokens": 2, "total_tokens": 3});
    let failure = about("failed", &json!({"usage": raw, "error": {"message": "boom"}}));
    let mut expected = vec![usage(Usage::new(1, 2), raw)];
    expected.extend(failed("boom", ""));
    assert_eq!(events([failure]), expected);
}

#[test]
fn a_stream_without_its_end_is_not_done() {
    assert_eq!(events([created(), text(0, "a")]), [response(), Delta::text("a")]);
    assert_eq!(events([created()]), [response()]);
    let item = message("a");
    let all = events([added(0, &message("")), text(0, "a"), done(0, &item)]);
    assert_eq!(all, [Delta::text("a")]);
    assert_eq!(stream(""), []);
    assert_eq!(stream("\r\n\n"), []);
}

#[test]
fn the_done_mark_ends_a_complete_stream() {
    let mark = "data: [DONE]\n\n";
    let ends = |all: Vec<Value>| {
        let body = sse(all) + mark;
        stream(&body).contains(&Delta::Done)
    };
    // After the answer's own end, the mark has no effect.
    let body = sse([text(0, "a"), completed()]) + mark;
    assert_eq!(stream(&body), [Delta::text("a"), Delta::finish("completed"), Delta::Done]);
    // Without that end, the mark ends an answer that looks complete.
    assert!(ends(vec![text(0, "a")]));
    assert!(ends(vec![added(0, &message("")), text(0, "a"), done(0, &message("a"))]));
    assert!(ends(vec![added(0, &function("c", "f", "")), done(0, &function("c", "f", ""))]));
    // The mark does not end a truncated answer.
    assert!(!ends(vec![]));
    assert!(!ends(vec![created()]));
    assert!(!ends(vec![piece("reasoning_text", 0, "hm")]));
    assert!(!ends(vec![added(0, &message("")), text(0, "a")]));
    assert!(!ends(vec![text(0, "a"), added(1, &function("c", "f", "")), fragment(1, "{")]));
}

/// Some gateways name every end alike; its status says which one it is.
#[test]
fn an_end_may_be_called_done() {
    let end = |response: Value| json!({"type": "response.done", "response": response});
    let counts = json!({"input_tokens": 3, "output_tokens": 4, "total_tokens": 7});
    let all = events([end(json!({"status": "completed", "usage": counts}))]);
    assert!(all.contains(&usage(Usage::new(3, 4), counts)), "{all:?}");
    assert_eq!(all.last(), Some(&Delta::Done));
    let incomplete =
        json!({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}});
    assert!(events([end(incomplete)]).contains(&Delta::finish("max_output_tokens")));
    let failed = json!({"status": "failed", "error": {"code": "server_error", "message": "bad"}});
    assert!(matches!(events([end(failed)]).last(), Some(Delta::Error(_))));
}
