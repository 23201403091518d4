//! How an answer ends.

use super::*;

#[test]
fn a_finish_reason_is_emitted_once_and_after_the_content() {
    let chunk = |delta: Value, finish: Value| json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
    let call = json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "n", "arguments": "{"}}]});
    let all = with_done([
        chunk(json!({"content": "a", "reasoning": "b"}), json!("stop")),
        // The reason is repeated on the chunk with the usage.
        chunk(json!({"role": "assistant", "content": ""}), json!("stop")),
        chunk(json!({}), Value::Null),
        chunk(call, json!("tool_calls")),
        done(),
    ]);
    let expected = [
        reasoning("b"),
        Delta::text("a"),
        Delta::finish("stop"),
        tool(0, "a", "n", "{"),
        Delta::finish("tool_calls"),
        Delta::Done,
    ];
    assert_eq!(all, expected);
}

#[test]
fn without_an_end_mark_all_choices_must_be_finished() {
    let is_done = |chunks: Vec<Value>| events(chunks).contains(&Delta::Done);
    assert!(is_done(vec![text(0, "a"), last(0, "stop")]));
    assert!(is_done(vec![last(0, "stop"), json!({"choices": [], "usage": {"prompt_tokens": 1}})]));
    assert!(is_done(vec![text(0, "a"), text(1, "b"), last(1, "stop"), last(0, "stop")]));
    // Azure's content filter sends another chunk for the choice.
    let filter = json!({"choices": [{"index": 0, "finish_reason": null, "content_filter_results": {},
        "content_filter_offsets": {"check_offset": 1, "start_offset": 1, "end_offset": 2}}]});
    assert!(is_done(vec![filter.clone(), text(0, "a"), last(0, "stop"), filter.clone()]));
    assert!(!is_done(vec![text(0, "a"), text(1, "b"), last(1, "stop")]));
    assert!(!is_done(vec![text(0, "a")]));
    assert!(!is_done(vec![chunk(0, &json!({"role": "assistant"}))]));
    assert!(!is_done(vec![filter]));
    assert!(!is_done(vec![
        json!({"choices": []}),
        json!({"choices": [], "usage": {"prompt_tokens": 1}})
    ]));
    assert!(!is_done(vec![]));
}

#[test]
fn perplexitys_end() {
    let chunk = |object: &str, id: &str, delta: &str, all: &str, finish: Value| {
        let count = all.len();
        json!({"id": id, "model": "sonar", "object": object, "citations": ["https://a.example"],
            "usage": {"prompt_tokens": 2, "completion_tokens": count, "total_tokens": 2 + count},
            "choices": [{"index": 0, "finish_reason": finish,
                "message": {"role": "assistant", "content": all}, "delta": {"role": "assistant", "content": delta}}]})
    };
    let piece = "chat.completion.chunk";
    for reason in [json!("stop"), Value::Null] {
        let all = events([
            chunk(piece, "i", "a", "a", Value::Null),
            chunk(piece, "i", "b", "ab", Value::Null),
            chunk("chat.completion.done", "other", "", "ab", reason.clone()),
        ]);
        let counts = |count: u64| {
            let raw =
                json!({"prompt_tokens": 2, "completion_tokens": count, "total_tokens": 2 + count});
            usage(Usage::new(2, count), raw)
        };
        let mut expected = vec![
            response("i", "sonar"),
            Delta::text("a"),
            counts(1),
            Delta::text("b"),
            counts(2),
            Delta::finish("stop"),
            counts(2),
            Delta::Done,
        ];
        if reason.is_null() {
            expected.remove(5);
        }
        assert_eq!(all, expected);
    }
    let mut answer = chunk("chat.completion", "i", "", "ab", json!("stop"));
    answer["usage"] = Value::Null;
    let expected = [
        Delta::NotStreamed,
        response("i", "sonar"),
        Delta::text("ab"),
        Delta::finish("stop"),
        Delta::Done,
    ];
    assert_eq!(whole(&answer), expected);
}

#[test]
fn snowflakes_end() {
    let chunk = |text: &str| {
        json!({"id": "", "model": "claude", "choices": [{"delta": {"content": "", "content_list": [],
            "reasoning_details": [{"type": "reasoning", "text": text}]}}], "usage": {}})
    };
    // Snowflake sends no finish reason.
    let expected = [response("", "claude"), reasoning("a"), reasoning("b"), Delta::Done];
    assert_eq!(with_done([chunk("a"), chunk("b"), done()]), expected);
}

#[test]
fn the_end_mark_may_lack_its_blank_line() {
    for end in ["data: [DONE]", "data:[DONE]", "data: [DONE]\n", "data: [DONE] \r\n\r\n"] {
        let body = format!("{}{end}", sse([text(0, "a")]));
        assert_eq!(stream(&body), [Delta::text("a"), Delta::Done], "{end}");
    }
}

#[test]
fn an_answer_may_be_empty() {
    assert_eq!(with_done([done()]), [Delta::Done]);
    assert_eq!(with_done([last(0, "length"), done()]), [Delta::finish("length"), Delta::Done]);
}
