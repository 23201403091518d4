//! Decoding an answer and emitting its tokens, in memory.

use std::{
    borrow::Cow,
    hint::black_box,
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use serde::Deserialize;
use sse_stream::SseStream;
use tower::{BoxError, Layer, Service, service_fn};
use tower_http::trace::TraceLayer;
use tracing::Span;

use crate::{
    body::{self, Frames},
    work::{Count, counting, note},
};
use harness::{Bound, Cost, Row, alternate, compare, per_token};

/// Many short rounds: on a busy machine, some of them run undisturbed.
const ROUNDS: usize = 150;
const BASELINE: &str = "`sse-stream` and serde";
const BOUND: Bound = Bound::ratio(1.25);

/// The fields of an event that this crate's decoder reads.
#[derive(Deserialize)]
struct AnthropicEvent<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(default)]
    index: u64,
    #[serde(borrow, default)]
    delta: AnthropicDelta<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AnthropicDelta<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    text: Cow<'a, str>,
    #[serde(borrow)]
    thinking: Cow<'a, str>,
    #[serde(borrow)]
    partial_json: Cow<'a, str>,
}

fn anthropic_text<'a>(data: &'a str) -> Option<Cow<'a, str>> {
    let event: AnthropicEvent<'a> = serde_json::from_str(data).expect("valid JSON");
    let AnthropicDelta { kind, text, thinking, partial_json } = event.delta;
    let is_text = event.kind == "content_block_delta" && kind == "text_delta";
    (is_text && event.index == 0 && thinking.is_empty() && partial_json.is_empty()).then_some(text)
}

/// The fields of a chunk that this crate's decoder reads, for answers without tools.
#[derive(Deserialize)]
struct OpenAiChunk<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    object: Cow<'a, str>,
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(borrow)]
    choices: Vec<OpenAiChoice<'a>>,
}

#[derive(Deserialize)]
struct OpenAiChoice<'a> {
    index: u64,
    #[serde(borrow)]
    delta: OpenAiDelta<'a>,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OpenAiDelta<'a> {
    #[serde(borrow)]
    content: Cow<'a, str>,
    #[serde(borrow)]
    refusal: Cow<'a, str>,
}

fn openai_text<'a>(data: &'a str) -> Option<Cow<'a, str>> {
    if data == "[DONE]" {
        return None;
    }
    let chunk: OpenAiChunk<'a> = serde_json::from_str(data).expect("valid JSON");
    black_box((&chunk.id, &chunk.object, &chunk.model));
    let choice = chunk.choices.into_iter().next()?;
    black_box((choice.index, &choice.finish_reason, &choice.delta.refusal));
    Some(choice.delta.content).filter(|text| !text.is_empty())
}

pub(crate) fn openai(tokens: usize) -> Vec<bool> {
    let events = body::openai_chat(tokens, 1);
    let path = "/v1/chat/completions";
    let large_frames = "an OpenAI chat token, frames of 16 KiB";
    let small_frames = "an OpenAI chat token, one event a frame";
    // No event has the shape of the one before.
    let in_turn = "an OpenAI chat token of two choices in turn, frames of 16 KiB";
    let other = body::openai_chat(tokens, 2);
    vec![
        row(large_frames, path, tokens, &Frames::of_16_kib(&events), openai_text),
        row(small_frames, path, tokens, &Frames::of_events(&events), openai_text),
        row(in_turn, path, tokens, &Frames::of_16_kib(&other), openai_text),
    ]
}

pub(crate) fn anthropic(tokens: usize) -> Vec<bool> {
    let events = body::anthropic(tokens);
    let path = "/v1/messages";
    let large_frames = "an Anthropic token, frames of 16 KiB";
    let small_frames = "an Anthropic token, one event a frame";
    let trace = "the same, `TraceLayer` that counts frames";
    let met = vec![
        row(large_frames, path, tokens, &Frames::of_16_kib(&events), anthropic_text),
        row(small_frames, path, tokens, &Frames::of_events(&events), anthropic_text),
    ];
    beside_trace(trace, path, tokens, &Frames::of_events(&events));
    met
}

fn row(
    name: &'static str,
    path: &'static str,
    tokens: usize,
    frames: &Frames,
    text: for<'a> fn(&'a str) -> Option<Cow<'a, str>>,
) -> bool {
    let row = Row { name, baseline: BASELINE, bound: BOUND };
    let by_hand = || by_hand(tokens, frames.clone(), text);
    compare(&row, ROUNDS, by_hand, || layered(tokens, path, frames))
}

fn by_hand(
    tokens: usize,
    frames: Frames,
    text: for<'a> fn(&'a str) -> Option<Cow<'a, str>>,
) -> Cost {
    let count = Count::default();
    let mut answer = String::new();
    let cost = per_token(tokens, || {
        let mut events = SseStream::new(frames);
        while let Some(event) = events.next().now_or_never().expect("always ready") {
            let event = event.expect("a valid event stream");
            if let Some(text) = event.data.as_deref().and_then(text) {
                count.token(&text);
                answer.push_str(&text);
            }
        }
    });
    assert_eq!(count.seen(), tokens as u64);
    cost
}

fn layered(tokens: usize, path: &str, frames: &Frames) -> Cost {
    let count = Arc::new(Count::default());
    let service = counting(&count).layer(answering(frames));
    let cost = per_token(tokens, || read(service, path));
    assert_eq!(count.seen(), tokens as u64);
    cost
}

/// Prints the cost of `TraceLayer` that counts frames, for comparison.
fn beside_trace(name: &'static str, path: &str, tokens: usize, frames: &Frames) {
    let count = Arc::new(AtomicU64::new(0));
    let chunks = Arc::clone(&count);
    let trace =
        TraceLayer::new_for_http().on_body_chunk(move |chunk: &Bytes, _: Duration, _: &Span| {
            chunks.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        });
    let [bare, traced, ours] = alternate(
        ROUNDS,
        [
            &mut || per_token(tokens, || read(answering(frames), path)),
            &mut || per_token(tokens, || read(trace.clone().layer(answering(frames)), path)),
            &mut || layered(tokens, path, frames),
        ],
    );
    assert!(count.load(Ordering::Relaxed) > 0);
    note(name, "the bare body", bare, traced);
    note("the same, this layer", "the bare body", bare, ours);
}

/// Returns a provider that answers at once.
fn answering<B: Body>(
    frames: &Frames,
) -> impl Service<
    Request<B>,
    Response = Response<Frames>,
    Error = std::convert::Infallible,
    Future: Future,
> + Clone {
    let frames = frames.clone();
    service_fn(move |_| {
        let response = Response::builder().header("content-type", "text/event-stream");
        std::future::ready(Ok(response.body(frames.clone()).expect("a response")))
    })
}

fn read<S, B>(mut service: S, path: &str)
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>>,
    S::Error: std::fmt::Debug,
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    let request = Request::post(path).body(Full::from(r#"{"model":"m","stream":true}"#));
    let response = service.call(request.expect("a request")).now_or_never().expect("always ready");
    let mut body = std::pin::pin!(response.expect("an answer").into_body());
    while let Some(frame) = body.frame().now_or_never().expect("always ready") {
        black_box(frame.map_err(Into::into).expect("no error"));
    }
}
