//! OpenAI's Responses API: all rules of the mapping, at any chunk boundaries.

mod content;
mod ends;
mod errors;
mod formats;
mod framing_and_faults;
mod tools;
mod usages;
mod whole_answers;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::wire::{cut, event_stream, word};
use tower_llm_callbacks::{
    Delta, LlmStart, ProviderError, Usage,
    event::Accumulator,
    wire::{
        Decoder, Format, LlmHttpRequest,
        openai_responses::{OpenAiResponses, OpenAiResponsesDecoder},
    },
};

fn decode<'a>(
    decoder: impl Decoder,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Delta<'static>> {
    support::wire::decode(decoder, pieces, b"data: {\"type\":\"response.completed\"}\n\n")
}

/// Decodes a streamed body. Asserts that small chunks yield the same deltas.
fn stream(body: &str) -> Vec<Delta<'static>> {
    let body = body.as_bytes();
    let whole = decode(OpenAiResponsesDecoder::new(), [body]);
    for size in [1, 2, 3, 7, 64] {
        let cut = decode(OpenAiResponsesDecoder::new(), body.chunks(size));
        assert_eq!(cut, whole, "chunks of {size} bytes");
    }
    whole
}

/// Decodes an unstreamed body in the same way.
fn answer(body: &[u8]) -> Vec<Delta<'static>> {
    let whole = decode(OpenAiResponsesDecoder::whole(), [body]);
    assert_eq!(decode(OpenAiResponsesDecoder::whole(), body.chunks(1)), whole);
    whole
}

/// Frames JSON texts as an event stream.
fn sse<S: ToString>(events: impl IntoIterator<Item = S>) -> String {
    let event = |event: S| {
        let event = event.to_string();
        let kind = serde_json::from_str::<Value>(&event).unwrap_or_default();
        let name = kind["type"].as_str().unwrap_or("data").to_owned();
        format!("event: {name}\ndata: {event}\n\n")
    };
    events.into_iter().map(event).collect()
}

fn events<S: ToString>(events: impl IntoIterator<Item = S>) -> Vec<Delta<'static>> {
    stream(&sse(events))
}

/// An event with the whole response.
fn about(kind: &str, response: &Value) -> Value {
    json!({"type": format!("response.{kind}"), "sequence_number": 0, "response": response})
}

fn created() -> Value {
    about(
        "created",
        &json!({"object": "response", "id": "resp_1", "model": "gpt-test",
        "status": "in_progress", "error": null, "output": [], "usage": null}),
    )
}

fn completed() -> Value {
    about("completed", &json!({"status": "completed"}))
}

fn piece(kind: &str, index: u64, text: &str) -> Value {
    json!({"type": format!("response.{kind}.delta"), "output_index": index,
        "item_id": format!("item_{index}"), "content_index": 0, "delta": text})
}

fn text(index: u64, text: &str) -> Value {
    piece("output_text", index, text)
}

fn fragment(index: u64, text: &str) -> Value {
    piece("function_call_arguments", index, text)
}

fn added(index: u64, item: &Value) -> Value {
    json!({"type": "response.output_item.added", "output_index": index, "item": item})
}

fn done(index: u64, item: &Value) -> Value {
    json!({"type": "response.output_item.done", "output_index": index, "item": item})
}

/// A message item with one text part, or without parts if `text` is empty.
fn message(text: &str) -> Value {
    let mut item = json!({"type": "message", "id": "msg_1", "role": "assistant", "content": []});
    if !text.is_empty() {
        item["content"] = json!([{"type": "output_text", "text": text, "annotations": []}]);
    }
    item
}

fn function(id: &str, name: &str, arguments: &str) -> Value {
    json!({"type": "function_call", "id": format!("fc_{id}"), "call_id": id, "name": name,
        "arguments": arguments})
}

fn response() -> Delta<'static> {
    Delta::Response { id: Some("resp_1".into()), model: Some("gpt-test".into()) }
}

fn usage(usage: Usage, raw: Value) -> Delta<'static> {
    Delta::Usage { usage, raw: Some(std::borrow::Cow::Owned(raw)) }
}

fn reasoning(text: &str) -> Delta<'static> {
    Delta::Reasoning { choice: 0, text: text.to_owned().into() }
}

fn refusal(text: &str) -> Delta<'static> {
    Delta::Refusal { choice: 0, text: text.to_owned().into() }
}

fn call(index: u32, id: &str, name: &str, arguments: &str) -> Delta<'static> {
    Delta::ToolCall {
        choice: 0,
        index,
        id: Some(id.to_owned().into()),
        name: Some(name.to_owned().into()),
        arguments: arguments.to_owned().into(),
    }
}

fn arguments(index: u32, fragment: &str) -> Delta<'static> {
    let arguments = fragment.to_owned().into();
    Delta::ToolCall { choice: 0, index, id: None, name: None, arguments }
}

fn quota() -> Delta<'static> {
    Delta::Error(ProviderError::new("no quota").code("insufficient_quota"))
}

fn whole() -> Value {
    json!({"object": "response", "id": "resp_1", "model": "gpt-test", "status": "completed",
        "error": null, "incomplete_details": null,
        "output": [
            {"type": "reasoning", "id": "rs_1", "summary": [
                {"type": "summary_text", "text": "hm"}, {"type": "summary_text", "text": "ok"}]},
            {"type": "web_search_call", "id": "ws_1", "status": "completed"},
            {"type": "message", "id": "msg_1", "role": "assistant", "content": [
                {"type": "output_text", "text": "Héllo", "annotations": []},
                {"type": "output_text", "text": " 👋"}]},
            function("call_1", "weather", "{\"city\": \"Paris\"}"),
            {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "sh", "input": "ls"},
        ],
        "usage": {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8}})
}

/// The sum of the deltas.
fn sum(deltas: &[Delta<'_>]) -> tower_llm_callbacks::LlmResult {
    let mut answer = Accumulator::new();
    deltas.iter().for_each(|delta| answer.delta(delta));
    let mut result = answer.finish();
    (result.streamed, result.tokens) = (false, 0);
    result
}

#[test]
fn unknown_events_are_skipped() {
    let all = events([
        json!({"type": "response.of_the_future.delta", "delta": "x"}),
        json!({"type": "response.audio.delta", "delta": "AAAA"}),
        json!({"type": "response.output_text.annotation.added", "annotation": {}}),
        json!({"type": "response.output_text.delta"}),
        json!({"type": "response.output_item.added"}),
        json!({"type": "response.output_item.done", "item": {}}),
        json!({"type": "response.created"}),
        json!({"type": "keepalive"}),
        json!({}),
        json!({"type": 7}),
        text(0, "known"),
    ]);
    assert_eq!(all, [Delta::text("known")]);
}

#[test]
fn members_of_wrong_types_are_ignored() {
    let all = events([
        about("created", &json!({"id": 7, "model": "m", "usage": "none", "output": {}})),
        about("queued", &json!(["x"])),
        json!({"type": "response.output_text.delta", "delta": "a", "output_index": "0",
            "item_id": 5, "item": [1], "response": true, "arguments": {}, "error": null}),
        json!({"type": "response.output_text.delta", "delta": {"text": "x"}}),
        json!({"type": "response.output_item.done", "item": {"type": "message", "content": "x"}}),
        json!({"type": "response.output_item.done", "output_index": 9,
            "item": {"type": "message", "content": [1, {"type": "output_text", "text": ["x"]}]}}),
        about(
            "completed",
            &json!({"status": 1, "incomplete_details": "x", "usage": 1,
            "output": [null, "x", {"type": 1}]}),
        ),
    ]);
    let expected = [
        Delta::Response { id: None, model: Some("m".into()) },
        Delta::text("a"),
        Delta::finish("completed"),
        Delta::Done,
    ];
    assert_eq!(all, expected);
}

#[test]
fn id_and_model_are_emitted_once() {
    let all = events([
        about("created", &json!({"id": "", "model": "gpt-test"})),
        about("in_progress", &json!({"id": "resp_1", "model": "other"})),
        about("completed", &json!({"id": "resp_2", "model": "other"})),
    ]);
    let expected = [
        Delta::Response { id: None, model: Some("gpt-test".into()) },
        Delta::Response { id: Some("resp_1".into()), model: None },
        Delta::finish("completed"),
        Delta::Done,
    ];
    assert_eq!(all, expected);
    // A resumed stream has no `response.created`, and possibly only the last event.
    let it = json!({"id": "resp_1", "model": "gpt-test", "status": "queued"});
    assert_eq!(events([about("queued", &it), about("in_progress", &it)]), [response()]);
    let end = [response(), Delta::finish("completed"), Delta::Done];
    assert_eq!(events([about("completed", &it)]), end);
}

#[test]
fn a_text_delta_does_not_allocate() {
    let mut decoder = OpenAiResponsesDecoder::new();
    let opening = sse([created(), added(0, &message("")), text(0, "a")]);
    decoder.push(opening.as_bytes(), &mut |_| {});
    let body = sse((0..100).map(|_| text(0, "Héllo 東京")));
    let mut bytes = 0;
    let costs = allocation_counter::measure(|| {
        decoder.push(body.as_bytes(), &mut |delta| bytes += delta.content().map_or(0, str::len));
    });
    assert_eq!(bytes, 100 * "Héllo 東京".len());
    assert_eq!(costs.count_total, 0);
}

/// Events in any order, valid or not.
fn any_events() -> impl Strategy<Value = String> {
    let words = vec![
        created().to_string(),
        added(0, &message("")).to_string(),
        added(0, &function("i", "n", "")).to_string(),
        added(1, &function("j", "ü", "{\"a\":\"👋\"}")).to_string(),
        added(1, &json!({"type": "mcp_call"})).to_string(),
        fragment(0, "{\"a\":\"東").to_string(),
        fragment(1, "x").to_string(),
        json!({"type": "response.function_call_arguments.done", "arguments": "{}"}).to_string(),
        piece("custom_tool_call_input", 1, "y").to_string(),
        piece("reasoning_text", 0, "…").to_string(),
        piece("reasoning_summary_text", 0, "s").to_string(),
        piece("refusal", 1, "no").to_string(),
        text(0, "a\n👋").to_string(),
        json!({"type": "response.output_text.delta", "delta": "b"}).to_string(),
        r#"{"type":"response.output_text.delta","delta":"\ud83d"}"#.to_owned(),
        done(0, &message("a")).to_string(),
        done(1, &function("j", "ü", "{}")).to_string(),
        json!({"type": "response.output_item.done", "item": function("k", "n", "{}")}).to_string(),
        "{".to_owned(),
        "x\ny".to_owned(),
        "[DONE]".to_owned(),
        about("completed", &whole()).to_string(),
        about("failed", &json!({"error": {"message": "e"}})).to_string(),
        json!({"error": {"message": "e"}}).to_string(),
    ];
    // The last four end the stream.
    event_stream(vec!["data: ", "data:", "event: error\ndata: ", "data: ", ""], word(words, 4))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chunk_boundaries_do_not_matter(
        body in any_events(),
        lengths in prop::collection::vec(0_usize..40, 1..8),
        limit in 20_usize..200,
    ) {
        let body = body.as_bytes();
        let pieces = || cut(body, &lengths);
        prop_assert_eq!(
            decode(OpenAiResponsesDecoder::new(), pieces()),
            decode(OpenAiResponsesDecoder::new(), [body])
        );
        prop_assert_eq!(
            decode(OpenAiResponsesDecoder::with_limit(limit), pieces()),
            decode(OpenAiResponsesDecoder::with_limit(limit), [body])
        );
        prop_assert_eq!(
            decode(OpenAiResponsesDecoder::whole(), pieces()),
            decode(OpenAiResponsesDecoder::whole(), [body])
        );
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        decode(OpenAiResponsesDecoder::new(), body.chunks(9));
        decode(OpenAiResponsesDecoder::whole(), body.chunks(9));
        OpenAiResponses.error(StatusCode::BAD_GATEWAY, &body);
        let (uri, headers, body) = (Uri::from_static("/responses"), HeaderMap::new(), body.into());
        let start = OpenAiResponses.start(&LlmHttpRequest::new(&Method::POST, &uri, &headers, &body));
        let _ = start.messages.get();
    }

    /// For a text in pieces, with some events missing: the deltas take precedence, and no text is emitted
    /// twice.
    #[test]
    fn a_text_is_never_emitted_twice(
        texts in prop::collection::vec(prop::collection::vec("[a-zé]{1,4}", 0..4), 1..4),
        announced in any::<bool>(),
        ended in any::<bool>(),
        indexed in any::<bool>(),
    ) {
        let mut all = vec![];
        let mut output = vec![];
        for (index, pieces) in texts.iter().enumerate() {
            let index = index as u64;
            let with = |mut event: Value| {
                if !indexed {
                    event.as_object_mut().unwrap().remove("output_index");
                    let id = format!("item_{index}");
                    match event.get_mut("item") {
                        Some(item) => item["id"] = id.into(),
                        None => event["item_id"] = id.into(),
                    }
                }
                event
            };
            if announced {
                all.push(with(added(index, &message(""))));
            }
            all.extend(pieces.iter().map(|piece| with(text(index, piece))));
            if ended {
                all.push(with(done(index, &message(&pieces.concat()))));
            }
            output.push(message(&pieces.concat()));
        }
        all.push(about("completed", &json!({"output": output})));
        let expected: String = texts.concat().concat();
        let result = sum(&events(all));
        prop_assert_eq!(result.text(), expected);
    }
}
