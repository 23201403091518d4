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

/// A job that failed is an error, and what says of no job that it goes on is no answer.
#[test]
fn jobs_that_are_not_accepted_are_errors() {
    for body in [
        json!({"id": "1", "status": "FAILED", "response": null, "error_message": "too long"}),
        json!({"id": "1", "task_status": "FAIL"}),
        json!({"request_id": "1", "status": "odd"}),
        json!({"request_id": "1", "hint": "none"}),
    ] {
        let deltas = answer(body.to_string().as_bytes());
        assert!(matches!(deltas.last(), Some(Delta::Error(_) | Delta::DecodeFault)), "{deltas:?}");
    }
}

/// Only a job's answer is read, however deep a body nests.
#[test]
fn a_job_in_a_job_is_no_answer() {
    const DEPTH: usize = 20_000;
    let body = r#"{"response":"#.repeat(DEPTH) + "{}" + &"}".repeat(DEPTH);
    let deltas = answer(body.as_bytes());
    assert!(matches!(deltas.last(), Some(Delta::Error(_) | Delta::DecodeFault)), "{deltas:?}");
}

/// Meta's Llama API.
#[test]
fn answers_with_a_message_and_metrics() {
    let metrics = json!([
        {"metric": "num_completion_tokens", "value": 25, "unit": "tokens"},
        {"metric": "num_prompt_tokens", "value": 21, "unit": "tokens"},
        {"metric": "num_total_tokens", "value": 46, "unit": "tokens"},
    ]);
    let call = json!({"id": "call_1", "function": {"name": "search", "arguments": "{\"q\":1}"}});
    let whole = json!({"id": "AbC", "completion_message": {"role": "assistant", "stop_reason": "tool_calls",
        "content": {"type": "text", "text": "Hello"}, "tool_calls": [call]}, "metrics": metrics});
    let event = |kind: &str, more: Value| {
        let mut event = json!({"event_type": kind});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"id": "AbC", "event": event})
    };
    let text = |text: &str| json!({"delta": {"type": "text", "text": text}});
    let piece = |call: Value| json!({"delta": call});
    let events = [
        event("start", text("")),
        event("progress", text("Hel")),
        event("progress", text("lo")),
        event(
            "progress",
            piece(
                json!({"type": "tool_call", "id": "call_1", "function": {"name": "search", "arguments": ""}}),
            ),
        ),
        event(
            "progress",
            piece(json!({"type": "tool_call", "function": {"arguments": "{\"q\":1}"}})),
        ),
        event(
            "complete",
            json!({"delta": {"type": "text", "text": ""}, "stop_reason": "tool_calls"}),
        ),
        event("metrics", json!({"delta": {"type": "text", "text": ""}, "metrics": metrics})),
    ];
    let body: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    for deltas in [answer(whole.to_string().as_bytes()), stream(&body)] {
        assert_eq!(deltas.last(), Some(&Delta::Done), "{deltas:?}");
        let mut all = Accumulator::new();
        deltas.iter().for_each(|delta| all.delta(delta));
        let result = all.finish();
        let choice = &result.choices[0];
        assert_eq!((choice.text.as_str(), result.choices.len()), ("Hello", 1));
        assert_eq!(choice.finish_reason.as_deref(), Some("tool_calls"));
        let [call] = &choice.tool_calls[..] else { panic!("{:?}", choice.tool_calls) };
        assert_eq!((&*call.name, &*call.arguments), ("search", "{\"q\":1}"));
        assert_eq!(result.usage, Some(Usage::new(21, 25)));
        assert_eq!(result.response_id.as_deref(), Some("AbC"));
    }
}
