//! The bounds of `typed.rs` over HTTP: allocations of a token and of a run in flight.

use std::{convert::Infallible, time::Duration};

use allocation_counter::{AllocationInfo, measure};
use bytes::Bytes;
use futures::{StreamExt, stream, stream::BoxStream};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use tokio::runtime::{Builder, Runtime};
use tower::{Layer, Service, service_fn};
use tower_llm_callbacks::{
    AsyncCallbackHandler, CallbackHandler, Callbacks, HttpCallbackLayer, Registration, Run, Token,
    http_layer::ResponseBody,
};

/// A format's path, first event, and token event.
struct Wire(&'static str, &'static str, &'static str);

const ANTHROPIC: Wire = Wire(
    "/v1/messages",
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"claude\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" token\"}}\n\n",
);
const OPENAI: Wire = Wire(
    "/v1/chat/completions",
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n",
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" token\"},\"finish_reason\":null}]}\n\n",
);

struct Quiet;

impl CallbackHandler for Quiet {
    fn on_llm_new_token(&self, _run: &Run, token: &Token) {
        assert_eq!(token.text(), " token");
    }
}

impl AsyncCallbackHandler for Quiet {
    async fn on_llm_new_token(&self, _run: &Run, token: &Token) {
        assert_eq!(token.text(), " token");
    }
}

type Frames = StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>;

/// An endless answer, one event per frame.
async fn call(layer: &HttpCallbackLayer, wire: &Wire) -> ResponseBody<Frames> {
    let Wire(path, first, token) = *wire;
    let provider = service_fn(move |_| async move {
        let events = stream::iter([first]).chain(stream::repeat(token));
        let frames = events.map(|event| Ok(Frame::data(Bytes::from_static(event.as_bytes()))));
        Response::builder()
            .header("content-type", "text/event-stream")
            .body(StreamBody::new(frames.boxed()))
    });
    let request = Full::<Bytes>::from(r#"{"model":"m","stream":true}"#);
    let request = Request::post(path).body(request).unwrap();
    layer.layer(provider).call(request).await.unwrap().into_body()
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Allocations per token, as the difference between a short and a long answer.
fn per_token(callbacks: &Callbacks, wire: &Wire) -> f64 {
    let (runtime, layer) = (runtime(), HttpCallbackLayer::new(callbacks.clone()));
    let allocations = |tokens: usize| {
        measure(|| {
            runtime.block_on(async {
                let mut body = call(&layer, wire).await;
                for _ in 0..=tokens {
                    body.frame().await.unwrap().unwrap();
                }
                drop(body);
                let _ = callbacks.flush(Duration::from_secs(20)).await;
            });
        })
        .count_total as f64
    };
    allocations(1_000);
    (allocations(11_000) - allocations(1_000)) / 10_000.0
}

#[test]
fn a_token_for_an_inline_handler_allocates_nothing() {
    for wire in [ANTHROPIC, OPENAI] {
        let allocations = per_token(&Callbacks::new().inline(Quiet), &wire);
        // The text of the result grows now and then.
        assert!(allocations < 0.01, "{}: {allocations} allocations a token", wire.0);
    }
}

#[test]
fn a_token_for_queued_handlers_allocates_at_most_once() {
    for wire in [ANTHROPIC, OPENAI] {
        for (name, callbacks) in [
            ("async", Callbacks::new().async_handler(Quiet)),
            ("blocking", Callbacks::new().blocking(Quiet)),
            ("async lockstep", Callbacks::new().add(Registration::async_handler(Quiet).lockstep())),
            ("all", Callbacks::new().inline(Quiet).async_handler(Quiet).blocking(Quiet)),
        ] {
            let allocations = per_token(&callbacks, &wire);
            assert!(allocations <= 1.0, "{}, {name}: {allocations} a token", wire.0);
        }
    }
}

/// Bytes held per run, for 100 runs in flight, each after some tokens that arrived one at a time.
fn per_run(callbacks: &Callbacks, wire: &Wire) -> i64 {
    const RUNS: usize = 100;
    const TOKENS: usize = 20;
    let runtime = runtime();
    let mut bodies = Vec::with_capacity(RUNS);
    let mut bytes = |callbacks: &Callbacks| {
        bodies.clear();
        let layer = HttpCallbackLayer::new(callbacks.clone());
        let AllocationInfo { bytes_current, .. } = measure(|| {
            runtime.block_on(async {
                for _ in 0..RUNS {
                    let mut body = call(&layer, wire).await;
                    for _ in 0..=TOKENS {
                        body.frame().await.unwrap().unwrap();
                        // Each handler's task gets a turn.
                        tokio::task::yield_now().await;
                        tokio::task::yield_now().await;
                    }
                    bodies.push(body);
                }
                let _ = callbacks.flush(Duration::from_secs(20)).await;
            });
        });
        bytes_current / RUNS as i64
    };
    let bare = bytes(&Callbacks::new());
    bytes(callbacks) - bare - (TOKENS * " token".len()) as i64
}

#[test]
fn a_run_in_flight_holds_little() {
    for wire in [ANTHROPIC, OPENAI] {
        let path = wire.0;
        let inline = per_run(&Callbacks::new().inline(Quiet), &wire);
        println!("{path}, inline: {inline} bytes a run");
        assert!(inline <= 3_520, "{path}: {inline} bytes for a run with an inline handler");
        for count in [1, 4] {
            let callbacks = Callbacks::new();
            let callbacks = (0..count).fold(callbacks, |all, _| all.async_handler(Quiet));
            let bytes = per_run(&callbacks, &wire);
            // Most of it is the handler's task.
            let bound = 3_520 + count * 1_280;
            println!("{path}, {count} async: {bytes} bytes a run");
            assert!(bytes <= bound, "{path}, {count} async: {bytes} bytes, of {bound}");
        }
    }
}
