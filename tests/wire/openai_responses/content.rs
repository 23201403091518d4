//! Text, refusals and reasoning.

use super::*;

#[test]
fn a_text_sent_four_times_is_emitted_once() {
    let part = json!({"type": "output_text", "text": "Héllo 東京"});
    let raw = json!({"input_tokens": 17, "output_tokens": 5, "total_tokens": 22});
    let all = events([
        created(),
        about("in_progress", &json!({"id": "resp_1", "model": "gpt-test"})),
        added(0, &message("")),
        json!({"type": "response.content_part.added", "output_index": 0, "content_index": 0,
            "part": {"type": "output_text", "text": ""}}),
        text(0, "Héllo"),
        text(0, ""),
        text(0, " 東京"),
        json!({"type": "response.output_text.done", "output_index": 0, "text": "Héllo 東京"}),
        json!({"type": "response.content_part.done", "output_index": 0, "part": part}),
        done(0, &message("Héllo 東京")),
        about(
            "completed",
            &json!({"id": "resp_1", "model": "gpt-test", "status": "completed",
            "output": [message("Héllo 東京")], "usage": raw}),
        ),
        text(0, "after the end"),
    ]);
    let expected = [
        response(),
        Delta::text("Héllo"),
        Delta::text(" 東京"),
        usage(Usage::new(17, 5), raw),
        Delta::finish("completed"),
        Delta::Done,
    ];
    assert_eq!(all, expected);
}

#[test]
fn content_without_deltas_is_emitted_at_the_first_end_that_has_it() {
    let item = message("whole");
    let last = about("completed", &json!({"status": "completed", "output": [item]}));
    let end = [Delta::finish("completed"), Delta::Done];
    let content = |all: Vec<Delta<'static>>| {
        assert_eq!(all[all.len() - 2..], end);
        all[..all.len() - 2].to_vec()
    };
    let whole = [Delta::text("whole")];
    // At the end of its item, announced or not, and only once.
    assert_eq!(content(events([done(0, &item), last.clone()])), whole);
    assert_eq!(content(events([done(0, &item), done(0, &item), last.clone()])), whole);
    assert_eq!(content(events([added(0, &message("")), done(0, &item), last.clone()])), whole);
    // At the end of the answer, if no earlier event had it.
    assert_eq!(content(events([&last])), whole);
    assert_eq!(content(events([added(0, &message("")), last.clone()])), whole);
    // Not again at the end, even at another position in the output.
    assert_eq!(content(events([text(3, "whole"), done(3, &item), last.clone()])), whole);
    // A second item without deltas.
    let all = content(events([text(0, "a"), done(0, &message("a")), done(1, &message("b")), last]));
    assert_eq!(all, [Delta::text("a"), Delta::text("b")]);
    // The output of the last event may be empty.
    let empty = about("completed", &json!({"status": "completed", "output": []}));
    assert_eq!(content(events([text(0, "whole"), empty])), whole);
}

#[test]
fn content_not_emitted_before_is_taken_from_the_last_event() {
    let output = json!([
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "message", "content": [{"type": "output_text", "text": "a"},
            {"type": "output_text", "text": "b"}, {"type": "refusal", "refusal": "no"}]},
        message("c"),
        function("1", "f", "{}"),
        function("2", "g", ""),
    ]);
    let last = about("completed", &json!({"output": output}));
    let end = [Delta::finish("completed"), Delta::Done];
    let every = [
        reasoning("hm"),
        Delta::text("a"),
        Delta::text("b"),
        refusal("no"),
        Delta::text("c"),
        call(0, "1", "f", "{}"),
        call(1, "2", "g", ""),
    ];
    assert_eq!(events([&last]), [&every[..], &end].concat());
    let all = events([text(0, "abc"), last.clone()]);
    let rest = [reasoning("hm"), refusal("no"), every[5].clone(), every[6].clone()];
    assert_eq!(all, [&[Delta::text("abc")], &rest[..], &end].concat());
    let all = events([added(3, &function("1", "f", "")), last]);
    assert_eq!(all, [&[call(0, "1", "f", "")], &every[..5], &end].concat());
}

#[test]
fn refusals_are_emitted_once() {
    let item = json!({"type": "message", "content": [{"type": "refusal", "refusal": "I can't"}]});
    let all = events([
        added(0, &message("")),
        piece("refusal", 0, "I"),
        piece("refusal", 0, " can't"),
        json!({"type": "response.refusal.done", "output_index": 0, "refusal": "I can't"}),
        done(0, &item),
        completed(),
    ]);
    let end = [Delta::finish("completed"), Delta::Done];
    assert_eq!(all, [&[refusal("I"), refusal(" can't")], &end[..]].concat());
    assert_eq!(events([done(0, &item), completed()]), [&[refusal("I can't")], &end[..]].concat());
}

#[test]
fn reasoning_is_the_raw_text_or_the_summary_never_both() {
    let item = |content: &[&str], summary: &[&str]| {
        let parts = |texts: &[&str], kind: &str| -> Value {
            texts.iter().map(|text| json!({"type": kind, "text": text})).collect()
        };
        json!({"type": "reasoning", "encrypted_content": "c2VjcmV0",
            "content": parts(content, "reasoning_text"), "summary": parts(summary, "summary_text")})
    };
    let raw = |index, text| piece("reasoning_text", index, text);
    let summary = |index, text| piece("reasoning_summary_text", index, text);
    // The kind that is streamed first is used.
    let both = item(&["raw"], &["sum"]);
    assert_eq!(
        events([raw(0, "r"), raw(0, "aw"), summary(0, "sum"), done(0, &both)]),
        [reasoning("r"), reasoning("aw")]
    );
    assert_eq!(events([summary(0, "sum"), raw(0, "raw"), done(0, &both)]), [reasoning("sum")]);
    // Decided per item.
    assert_eq!(events([summary(0, "a"), raw(2, "b")]), [reasoning("a"), reasoning("b")]);
    // Complete items.
    assert_eq!(events([done(0, &both)]), [reasoning("raw")]);
    assert_eq!(events([done(0, &item(&[""], &["a", "b"]))]), [reasoning("a"), reasoning("b")]);
    assert_eq!(events([done(0, &item(&[], &[]))]), []);
}
