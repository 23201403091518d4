//! OpenAI's Chat Completions and legacy Completions, and their dialects: all rules of the mapping, at any
//! chunk boundaries.

mod bytes_and_faults;
mod content;
mod errors;
mod formats;
mod the_end;
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
        openai_chat::{OpenAiChat, OpenAiChatDecoder, OpenAiCompletions},
    },
};

fn decode<'a>(
    decoder: impl Decoder,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Delta<'static>> {
    support::wire::decode(decoder, pieces, b"data: [DONE]\n\n")
}

/// Decodes a streamed body. Asserts that small chunks yield the same deltas.
fn stream(body: &str) -> Vec<Delta<'static>> {
    let body = body.as_bytes();
    let whole = decode(OpenAiChatDecoder::new(), [body]);
    for size in [1, 2, 3, 7, 64] {
        assert_eq!(
            decode(OpenAiChatDecoder::new(), body.chunks(size)),
            whole,
            "chunks of {size} bytes"
        );
    }
    whole
}

/// Decodes an unstreamed body in the same way.
fn answer(body: &[u8]) -> Vec<Delta<'static>> {
    let whole = decode(OpenAiChatDecoder::whole(), [body]);
    assert_eq!(decode(OpenAiChatDecoder::whole(), body.chunks(1)), whole);
    whole
}

fn whole(body: &Value) -> Vec<Delta<'static>> {
    let body = body.to_string();
    let all = answer(body.as_bytes());
    assert_eq!(stream(&body), all);
    all
}

/// Frames JSON texts as an event stream.
fn sse<S: ToString>(events: impl IntoIterator<Item = S>) -> String {
    events.into_iter().map(|event| format!("data: {}\n\n", event.to_string())).collect()
}

fn events<S: ToString>(events: impl IntoIterator<Item = S>) -> Vec<Delta<'static>> {
    stream(&sse(events))
}

/// Decodes deltas of a single choice.
fn deltas(deltas: impl IntoIterator<Item = Value>) -> Vec<Delta<'static>> {
    events(deltas.into_iter().map(|delta| chunk(0, &delta)))
}

fn chunk(index: u64, delta: &Value) -> Value {
    json!({"object": "chat.completion.chunk",
        "choices": [{"index": index, "delta": delta, "logprobs": null, "finish_reason": null}]})
}

fn text(index: u64, text: &str) -> Value {
    chunk(index, &json!({"content": text}))
}

fn last(index: u64, reason: &str) -> Value {
    json!({"choices": [{"index": index, "delta": {}, "finish_reason": reason}]})
}

fn done() -> Value {
    Value::Null
}

/// Like [`events`], with `[DONE]` for `Null`.
fn with_done(chunks: impl IntoIterator<Item = Value>) -> Vec<Delta<'static>> {
    events(chunks.into_iter().map(|chunk| match chunk {
        Value::Null => "[DONE]".to_owned(),
        chunk => chunk.to_string(),
    }))
}

fn response(id: &str, model: &str) -> Delta<'static> {
    let filled = |text: &str| Some(text.to_owned().into()).filter(|_| !text.is_empty());
    Delta::Response { id: filled(id), model: filled(model) }
}

fn of(choice: u32, text: &str) -> Delta<'static> {
    Delta::Text { choice, text: text.to_owned().into() }
}

fn reasoning(text: &str) -> Delta<'static> {
    Delta::Reasoning { choice: 0, text: text.to_owned().into() }
}

fn refusal(text: &str) -> Delta<'static> {
    Delta::Refusal { choice: 0, text: text.to_owned().into() }
}

fn finish(choice: u32, reason: &str) -> Delta<'static> {
    Delta::Finish { choice, reason: reason.to_owned().into() }
}

fn usage(usage: Usage, raw: Value) -> Delta<'static> {
    Delta::Usage { usage, raw: Some(std::borrow::Cow::Owned(raw)) }
}

fn tool(index: u32, id: &str, name: &str, arguments: &str) -> Delta<'static> {
    let filled = |text: &str| Some(text.to_owned().into()).filter(|_| !text.is_empty());
    let arguments = arguments.to_owned().into();
    Delta::ToolCall { choice: 0, index, id: filled(id), name: filled(name), arguments }
}

fn error(message: &str, code: Option<&str>) -> Delta<'static> {
    let mut error = ProviderError::new(message);
    error.code = code.map(Into::into);
    Delta::Error(error)
}

/// The sum of the deltas, without the fields that depend on streaming.
fn sum(deltas: &[Delta<'_>]) -> Value {
    let mut answer = Accumulator::new();
    for delta in deltas {
        answer.delta(delta);
    }
    let mut result = serde_json::to_value(answer.finish()).unwrap();
    result["streamed"] = Value::Null;
    result["tokens"] = Value::Null;
    result
}

#[test]
fn a_plain_chunk_does_not_allocate() {
    let mut plain = text(0, "Hello");
    for (key, value) in [("id", json!("i")), ("model", json!("m")), ("usage", Value::Null)] {
        plain[key] = value;
    }
    let thought = chunk(0, &json!({"reasoning": "Hm", "content": "", "tool_calls": null}));
    let body = sse([plain, thought]);
    let mut decoder = OpenAiChatDecoder::new();
    let mut deltas_seen = 0;
    // The first chunks allocate the choice and the shape of each event.
    for _ in 0..2 {
        decoder.push(body.as_bytes(), &mut |_| deltas_seen += 1);
    }
    let allocations = allocation_counter::measure(|| {
        for _ in 0..100 {
            decoder.push(body.as_bytes(), &mut |_| deltas_seen += 1);
        }
    });
    assert_eq!((deltas_seen, allocations.count_total), (1 + 2 * 102, 0));
}

/// Events in any order, valid or not.
fn any_events() -> impl Strategy<Value = String> {
    let call = |call: Value| chunk(0, &json!({ "tool_calls": [call] })).to_string();
    let words = vec![
        json!({"id": "i", "model": "m", "choices": []}).to_string(),
        text(0, "a\n👋").to_string(),
        text(1, "東").to_string(),
        chunk(0, &json!({"reasoning": "…", "reasoning_content": "…"})).to_string(),
        chunk(0, &json!({"content": [{"type": "thinking", "thinking": [{"text": "x"}]}]}))
            .to_string(),
        chunk(2, &json!({"refusal": "no"})).to_string(),
        r#"{"choices":[{"delta":{"content":"\ud83d"}}]}"#.to_owned(),
        call(json!({"index": 0, "id": "a", "function": {"name": "n", "arguments": "{"}})),
        call(json!({"id": "b", "function": {"name": "ü", "arguments": {"a": 1}}})),
        call(json!({"function": {"arguments": "}"}})),
        json!({"choices": [{"text": "t", "index": 1}, {"message": {"content": "m"}}]}).to_string(),
        last(0, "stop").to_string(),
        last(1, "length").to_string(),
        json!({"choices": [], "usage": {"prompt_tokens": 2}}).to_string(),
        json!({"object": "chat.completion.done", "choices": []}).to_string(),
        "{".to_owned(),
        "x\ny".to_owned(),
        "[DONE]".to_owned(),
        json!({"error": {"message": "e"}}).to_string(),
    ];
    // The last two end the stream.
    event_stream(vec!["data: ", "data:", "event: x\ndata: ", "data: ", ""], word(words, 2))
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
        for (cut, uncut) in [
            (decode(OpenAiChatDecoder::new(), pieces()), decode(OpenAiChatDecoder::new(), [body])),
            (
                decode(OpenAiChatDecoder::with_limit(limit), pieces()),
                decode(OpenAiChatDecoder::with_limit(limit), [body]),
            ),
            (decode(OpenAiChatDecoder::whole(), pieces()), decode(OpenAiChatDecoder::whole(), [body])),
        ] {
            prop_assert_eq!(&cut, &uncut);
            // At most one end, which is the last delta, and no finish reason twice in a row.
            let ends = uncut.iter().rposition(|delta| matches!(delta, Delta::Done | Delta::Error(_)));
            prop_assert!(ends.is_none_or(|at| at + 1 == uncut.len()));
            for choice in 0..3 {
                let mut reasons: Vec<_> = uncut
                    .iter()
                    .filter_map(|delta| match delta {
                        Delta::Finish { choice: of, reason } if *of == choice => Some(reason),
                        _ => None,
                    })
                    .collect();
                let all = reasons.len();
                reasons.dedup();
                prop_assert_eq!(reasons.len(), all);
            }
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        decode(OpenAiChatDecoder::new(), body.chunks(9));
        decode(OpenAiChatDecoder::whole(), body.chunks(9));
        OpenAiChat.error(StatusCode::BAD_GATEWAY, &body);
        let (uri, headers) = (Uri::from_static("/v1/completions"), HeaderMap::new());
        let body = Bytes::from(body);
        OpenAiCompletions.start(&LlmHttpRequest::new(&Method::POST, &uri, &headers, &body));
    }

    #[test]
    fn arbitrary_chunks_are_not_faults(delta in any_json(), choice in any_json(), chunk in any_json()) {
        let mut chunk = chunk;
        for (key, value) in [("delta", delta.clone()), ("message", delta)] {
            let mut choice = choice.clone();
            if let Value::Object(members) = &mut choice {
                members.insert(key.to_owned(), value);
            }
            if let Value::Object(members) = &mut chunk {
                members.insert("choices".to_owned(), json!([choice]));
            }
            let body = chunk.to_string();
            decode(OpenAiChatDecoder::new(), [body.as_bytes()]);
            let all = decode(OpenAiChatDecoder::new(), [format!("data: {body}\n\n").as_bytes()]);
            // Members of any type do not make the chunk a fault.
            prop_assert!(!chunk.is_object() || !all.contains(&Delta::DecodeFault), "{}", body);
        }
    }
}

/// Any JSON value, with known member names.
fn any_json() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "id",
        "model",
        "object",
        "choices",
        "usage",
        "error",
        "index",
        "delta",
        "message",
        "text",
        "finish_reason",
        "content",
        "refusal",
        "reasoning",
        "reasoning_details",
        "tool_calls",
        "function_call",
        "function",
        "custom",
        "name",
        "arguments",
        "input",
        "thinking",
        "type",
        "code",
        "detail",
        "x_groq",
        "prompt_tokens",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z\\\\\"\u{e9}]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..6)
                .prop_map(|members| members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        ]
    })
}
