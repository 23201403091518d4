//! An answer with reasoning, text and two tool calls, in every format.

use serde_json::{Value, json};
use tower_llm_callbacks::model::openai::OpenAiApi;

use super::MODEL;

/// The answer as a stream of events; the same answer as [`whole`].
pub(crate) fn streamed(api: OpenAiApi) -> String {
    match api {
        OpenAiApi::Responses => responses_streamed(),
        _ => chat_streamed(),
    }
}

/// The first events of the answer, up to the text `Let me `.
pub(crate) fn begun(api: OpenAiApi) -> String {
    let streamed = streamed(api);
    let end = streamed.find("look").unwrap();
    let end = streamed[..end].rfind("\n\n").unwrap() + 2;
    streamed[..end].to_owned()
}

/// The answer as one object.
pub(crate) fn whole(api: OpenAiApi) -> String {
    match api {
        OpenAiApi::Responses => responses_whole().to_string(),
        _ => chat_whole().to_string(),
    }
}

/// Events of Chat Completions, and the end mark.
pub(crate) fn chat_events(chunks: &[Value]) -> String {
    let events: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    events + "data: [DONE]\n\n"
}

/// Events of the Responses API.
pub(crate) fn responses_events(events: &[Value]) -> String {
    let event =
        |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    events.iter().map(event).collect()
}

pub(crate) fn chat_chunk(delta: &Value, finish_reason: Option<&str>) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL,
        "usage": null, "choices": [
            {"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason},
        ],
    })
}

fn chat_usage() -> Value {
    json!({
        "prompt_tokens": 16, "completion_tokens": 9, "total_tokens": 25,
        "prompt_tokens_details": {"cached_tokens": 5},
        "completion_tokens_details": {"reasoning_tokens": 4},
    })
}

fn chat_streamed() -> String {
    let content = |text: &str| chat_chunk(&json!({"content": text}), None);
    let thinks = |text: &str| chat_chunk(&json!({"reasoning_content": text}), None);
    let calls = |call: Value| chat_chunk(&json!({"tool_calls": [call]}), None);
    let arguments = |json: &str| calls(json!({"index": 0, "function": {"arguments": json}}));
    let mut usage = chat_chunk(&json!({}), None);
    (usage["choices"], usage["usage"]) = (json!([]), chat_usage());
    chat_events(&[
        chat_chunk(&json!({"role": "assistant", "content": ""}), None),
        thinks("Rain, "),
        thinks("or sun?"),
        content("Let me "),
        content("look – é."),
        calls(json!({"index": 0, "id": "call_1", "type": "function",
            "function": {"name": "get_weather", "arguments": ""}})),
        arguments("{\"city\":"),
        arguments("\"Oslo\"}"),
        calls(json!({"index": 1, "id": "call_2", "type": "function",
            "function": {"name": "get_time", "arguments": "{}"}})),
        chat_chunk(&json!({}), Some("tool_calls")),
        usage,
    ])
}

fn chat_whole() -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": MODEL,
        "choices": [{
            "index": 0, "finish_reason": "tool_calls", "logprobs": null,
            "message": {
                "role": "assistant", "content": "Let me look – é.", "refusal": null,
                "reasoning_content": "Rain, or sun?",
                "tool_calls": [
                    {"id": "call_1", "type": "function",
                     "function": {"name": "get_weather", "arguments": "{\"city\":\"Oslo\"}"}},
                    {"id": "call_2", "type": "function",
                     "function": {"name": "get_time", "arguments": "{}"}},
                ],
            },
        }],
        "usage": chat_usage(),
    })
}

fn responses_whole() -> Value {
    json!({
        "id": "resp_1", "object": "response", "created_at": 1, "model": MODEL,
        "status": "completed", "error": null, "incomplete_details": null,
        "output": [
            {"type": "reasoning", "id": "rs_1",
             "summary": [{"type": "summary_text", "text": "Rain, or sun?"}]},
            {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
             "content": [{"type": "output_text", "text": "Let me look – é.", "annotations": []}]},
            {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "get_weather",
             "arguments": "{\"city\":\"Oslo\"}", "status": "completed"},
            {"type": "function_call", "id": "fc_2", "call_id": "call_2", "name": "get_time",
             "arguments": "{}", "status": "completed"},
        ],
        "usage": {
            "input_tokens": 16, "input_tokens_details": {"cached_tokens": 5},
            "output_tokens": 9, "output_tokens_details": {"reasoning_tokens": 4},
            "total_tokens": 25,
        },
    })
}

fn responses_streamed() -> String {
    let end = responses_whole();
    let mut start = end.clone();
    (start["status"], start["output"], start["usage"]) =
        (json!("in_progress"), json!([]), Value::Null);
    let mut events = vec![json!({"type": "response.created", "response": start})];
    for (index, item) in end["output"].as_array().unwrap().iter().enumerate() {
        let mut added = item.clone();
        for field in ["summary", "content"] {
            if item[field].is_array() {
                added[field] = json!([]);
            }
        }
        let (field, all, deltas) = match item["id"].as_str().unwrap() {
            "rs_1" => ("reasoning_summary_text", "", &["Rain, ", "or sun?"][..]),
            "msg_1" => ("output_text", "text", &["Let me ", "look – é."][..]),
            "fc_1" => ("function_call_arguments", "arguments", &["{\"city\":", "\"Oslo\"}"][..]),
            _ => ("function_call_arguments", "arguments", &["{}"][..]),
        };
        if item["arguments"].is_string() {
            added["arguments"] = "".into();
        }
        events.push(json!({
            "type": "response.output_item.added", "output_index": index, "item": added,
        }));
        for delta in deltas {
            events.push(json!({
                "type": format!("response.{field}.delta"), "output_index": index,
                "item_id": item["id"], "delta": delta,
            }));
        }
        events.push(json!({
            "type": format!("response.{field}.done"), "output_index": index,
            "item_id": item["id"], all: deltas.concat(),
        }));
        events.push(json!({
            "type": "response.output_item.done", "output_index": index, "item": item,
        }));
    }
    events.push(json!({"type": "response.completed", "response": end}));
    responses_events(&events)
}
