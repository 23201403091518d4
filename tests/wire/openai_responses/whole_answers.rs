//! Unstreamed answers.

use super::*;

#[test]
fn an_unstreamed_answer() {
    let mut used = Usage::new(3, 5);
    used.details = [("web_searches".into(), 1)].into();
    let expected = [
        Delta::NotStreamed,
        response(),
        reasoning("hm"),
        reasoning("ok"),
        Delta::text("Héllo"),
        Delta::text(" 👋"),
        call(0, "call_1", "weather", "{\"city\": \"Paris\"}"),
        call(1, "call_2", "sh", "ls"),
        usage(used, whole()["usage"].clone()),
        Delta::finish("completed"),
        Delta::Done,
    ];
    assert_eq!(answer(whole().to_string().as_bytes()), expected);
    // Also if a stream was announced.
    assert_eq!(stream(&format!("{:#}", whole())), expected);
    assert_eq!(answer(format!("\u{FEFF}{}", whole()).as_bytes()), expected);
    // Without its `object` member.
    let mut untyped = whole();
    untyped.as_object_mut().unwrap().remove("object");
    assert_eq!(answer(untyped.to_string().as_bytes()), expected);
}

#[test]
fn an_unstreamed_answer_equals_its_stream() {
    let item = |index: usize| whole()["output"][index].clone();
    let streamed = events([
        created(),
        added(0, &json!({"type": "reasoning", "summary": []})),
        piece("reasoning_summary_text", 0, "h"),
        piece("reasoning_summary_text", 0, "mok"),
        done(0, &item(0)),
        added(1, &item(1)),
        done(1, &item(1)),
        added(2, &message("")),
        text(2, "Hé"),
        text(2, "llo 👋"),
        done(2, &item(2)),
        added(3, &function("call_1", "weather", "")),
        fragment(3, "{\"city\": "),
        fragment(3, "\"Paris\"}"),
        done(3, &item(3)),
        done(4, &item(4)),
        about("completed", &whole()),
    ]);
    assert_eq!(sum(&streamed), sum(&answer(whole().to_string().as_bytes())));
}

#[test]
fn an_unstreamed_answer_that_is_not_completed() {
    let with = |status: Value, more: Value| {
        let mut body = json!({"object": "response", "id": "resp_1", "model": "gpt-test",
            "status": status, "output": [], "error": null, "incomplete_details": null});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        answer(body.to_string().as_bytes())
    };
    // In the background: it completes later.
    for status in ["queued", "in_progress", "of_the_future"] {
        let all = with(json!(status), json!({}));
        assert_eq!(all, [Delta::NotStreamed, response(), Delta::finish(status), Delta::Done]);
    }
    assert_eq!(with(json!(null), json!({})), [Delta::NotStreamed, response(), Delta::Done]);
    let cut = json!({"incomplete_details": {"reason": "max_output_tokens"}});
    let expected =
        [Delta::NotStreamed, response(), Delta::finish("max_output_tokens"), Delta::Done];
    assert_eq!(with(json!("incomplete"), cut), expected);
    let failed = json!({"error": {"code": "insufficient_quota", "message": "no quota"}});
    assert_eq!(with(json!("failed"), failed), [Delta::NotStreamed, response(), quota()]);
    let cancelled = ProviderError::new("the response was cancelled").code("cancelled");
    let expected = [Delta::NotStreamed, response(), Delta::Error(cancelled)];
    assert_eq!(with(json!("cancelled"), json!({})), expected);
}

#[test]
fn invalid_unstreamed_bodies_are_faults() {
    for body in ["", " ", "{"] {
        assert_eq!(answer(body.as_bytes()), [Delta::DecodeFault], "{body}");
    }
    // A whole body that is no answer is an error, not a truncated answer.
    for body in ["[]", "null", "{}", "no json", "<html>", r#"{"id":"x"}"#] {
        assert!(matches!(answer(body.as_bytes())[..], [Delta::Error(_)]), "{body}");
    }
    for body in [
        r#"{"error":{"type":"insufficient_quota","message":"no quota"}}"#,
        r#"{"type":"error","code":"insufficient_quota","message":"no quota"}"#,
    ] {
        assert_eq!(answer(body.as_bytes()), [quota()]);
    }
    assert_eq!(answer(br#"{"error":"bad"}"#), [Delta::Error(ProviderError::new("bad"))]);
}

#[test]
fn an_unstreamed_body_over_the_limit_is_one_fault() {
    let body = whole().to_string();
    for size in [1, 10, 5000] {
        let decoder = OpenAiResponsesDecoder::with_limit;
        let pieces = || body.as_bytes().chunks(size);
        assert_eq!(decode(decoder(body.len() - 1), pieces()), [Delta::DecodeFault]);
        assert_eq!(decode(decoder(body.len()), pieces()).last(), Some(&Delta::Done));
    }
}

/// The text beside the output, or in its place.
#[test]
fn a_text_without_items_is_read_once() {
    let item = json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]});
    for output in [json!([]), json!([item])] {
        let body = json!({"id": "resp_1", "object": "response", "status": "completed", "model": "m",
            "output": output, "output_text": "Hi"});
        let texts = answer(body.to_string().as_bytes());
        let texts: Vec<_> = texts.iter().filter(|it| it.content().is_some()).collect();
        assert_eq!(texts, [&Delta::text("Hi")], "{body}");
    }
}
