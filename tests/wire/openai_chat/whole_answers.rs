//! Unstreamed answers.

use super::*;

fn an_answer() -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt",
        "choices": [
            {"index": 0, "finish_reason": "tool_calls", "logprobs": null, "message": {"role": "assistant",
                "content": "Héllo 👋", "refusal": null, "annotations": [], "reasoning_content": "hm",
                "audio": {"id": "a", "transcript": "spoken"},
                "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Paris\"}"}},
                    {"id": "call_2", "type": "function", "function": {"name": "noargs", "arguments": ""}},
                ]}},
            {"index": 1, "finish_reason": "stop", "message": {"role": "assistant", "content": null, "refusal": "no"}},
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}})
}

#[test]
fn an_unstreamed_answer() {
    let expected = [
        Delta::NotStreamed,
        response("chatcmpl-1", "gpt"),
        reasoning("hm"),
        Delta::text("Héllo 👋"),
        Delta::text("spoken"),
        tool(0, "call_1", "weather", r#"{"city":"Paris"}"#),
        tool(1, "call_2", "noargs", ""),
        Delta::finish("tool_calls"),
        Delta::Refusal { choice: 1, text: "no".into() },
        finish(1, "stop"),
        usage(Usage::new(3, 4), an_answer()["usage"].clone()),
        Delta::Done,
    ];
    assert_eq!(whole(&an_answer()), expected);
    assert_eq!(stream(&format!("{:#}", an_answer())), expected);
    assert_eq!(answer(format!("\u{FEFF}{}", an_answer()).as_bytes()), expected);
}

#[test]
fn an_unstreamed_answer_equals_its_stream() {
    let call = |index: u64, id: &str, name: &str| {
        chunk(
            0,
            &json!({"tool_calls": [{"index": index, "id": id, "function": {"name": name, "arguments": ""}}]}),
        )
    };
    let more = |text: &str| {
        chunk(0, &json!({"tool_calls": [{"index": 0, "function": {"arguments": text}}]}))
    };
    let mut first = chunk(0, &json!({"role": "assistant", "content": ""}));
    first["id"] = json!("chatcmpl-1");
    first["model"] = json!("gpt");
    let streamed = with_done([
        first,
        chunk(1, &json!({"refusal": "n"})),
        chunk(0, &json!({"reasoning_content": "h"})),
        chunk(0, &json!({"reasoning_content": "m"})),
        text(0, "Hé"),
        text(0, "llo 👋"),
        chunk(0, &json!({"audio": {"id": "a", "transcript": "spoken"}})),
        call(0, "call_1", "weather"),
        more("{\"city\":"),
        chunk(1, &json!({"refusal": "o"})),
        last(1, "stop"),
        more("\"Paris\"}"),
        call(1, "call_2", "noargs"),
        last(0, "tool_calls"),
        json!({"choices": [], "usage": an_answer()["usage"]}),
        done(),
    ]);
    assert_eq!(sum(&whole(&an_answer())), sum(&streamed));
}

#[test]
fn a_filtered_choice_has_no_message() {
    let all = whole(&json!({"id": "i", "model": "gpt", "choices": [
        {"index": 0, "finish_reason": "content_filter", "content_filter_results": {}}]}));
    let expected =
        [Delta::NotStreamed, response("i", "gpt"), Delta::finish("content_filter"), Delta::Done];
    assert_eq!(all, expected);
}

#[test]
fn choices_may_be_missing() {
    for body in [
        json!({"choices": []}),
        json!({"object": "chat.completion", "choices": null}),
        json!({"object": "text_completion"}),
    ] {
        assert_eq!(whole(&body), [Delta::NotStreamed, Delta::Done], "{body}");
    }
}

#[test]
fn invalid_unstreamed_bodies_are_faults() {
    for body in ["", " ", "{"] {
        assert_eq!(answer(body.as_bytes()), [Delta::DecodeFault], "{body}");
    }
    // A whole body that is no answer is an error, not a truncated answer.
    for body in ["[]", "[1]", "null", "{}", "no json", "<html>", r#"{"object":"list","data":[]}"#] {
        assert!(matches!(answer(body.as_bytes())[..], [Delta::Error(_)]), "{body}");
    }
}
