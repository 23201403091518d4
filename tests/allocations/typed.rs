//! Promise 9 and the bounds on memory: allocations of a token and of a run in flight.
//!
//! The counter counts this thread only, and reports what is still allocated.

use std::{convert::Infallible, time::Duration};

use allocation_counter::{AllocationInfo, measure};
use futures::{Stream, StreamExt, stream};
use tokio::runtime::{Builder, Runtime};
use tower::{Layer, Service, service_fn};
use tower_llm_callbacks::{
    AsyncCallbackHandler, CallbackHandler, CallbackLayer, Callbacks, Delta, LlmChunk, LlmRequest,
    LlmStart, Registration, Run, Token, layer::CallbackStream,
};

struct Request;

impl LlmRequest for Request {
    fn llm_start(&self) -> LlmStart {
        LlmStart::new("test", "chat")
    }
}

struct Chunk;

impl LlmChunk for Chunk {
    fn deltas(&self, each: &mut dyn FnMut(Delta<'_>)) {
        each(Delta::text(" token"));
    }
}

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

type Bare = stream::Take<stream::RepeatWith<fn() -> Result<Chunk, Infallible>>>;

async fn call(layer: &CallbackLayer, tokens: usize) -> CallbackStream<Bare, Chunk> {
    let chunk: fn() -> Result<Chunk, Infallible> = || Ok(Chunk);
    let model = service_fn(move |_: Request| async move {
        Ok::<_, Infallible>(stream::repeat_with(chunk).take(tokens))
    });
    layer.layer(model).call(Request).await.unwrap()
}

async fn read(mut stream: impl Stream + Unpin, tokens: usize) {
    for _ in 0..tokens {
        stream.next().await;
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Allocations per token, as the difference between a short and a long answer.
fn per_token(callbacks: &Callbacks) -> f64 {
    let (runtime, layer) = (runtime(), CallbackLayer::new(callbacks.clone()));
    let allocations = |tokens: usize| {
        measure(|| {
            runtime.block_on(async {
                let stream = call(&layer, tokens).await;
                read(stream, tokens + 1).await;
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
    let allocations = per_token(&Callbacks::new().inline(Quiet));
    // The text of the result grows now and then.
    assert!(allocations < 0.01, "{allocations} allocations a token");
}

#[test]
fn a_token_for_queued_handlers_allocates_at_most_once() {
    for (name, callbacks) in [
        ("async", Callbacks::new().async_handler(Quiet)),
        ("two async", Callbacks::new().async_handler(Quiet).async_handler(Quiet)),
        ("blocking", Callbacks::new().blocking(Quiet)),
        ("async lockstep", Callbacks::new().add(Registration::async_handler(Quiet).lockstep())),
        ("async background", Callbacks::new().add(Registration::async_handler(Quiet).background())),
        ("all", Callbacks::new().inline(Quiet).async_handler(Quiet).blocking(Quiet)),
    ] {
        let allocations = per_token(&callbacks);
        assert!(allocations <= 1.0, "{name}: {allocations} allocations a token");
    }
}

/// Bytes held per run, for 100 runs in flight, each after some tokens that arrived one at a time.
fn per_run(callbacks: &Callbacks) -> i64 {
    const RUNS: usize = 100;
    const TOKENS: usize = 20;
    let runtime = runtime();
    let mut streams = Vec::with_capacity(RUNS);
    let mut bytes = |callbacks: &Callbacks| {
        streams.clear();
        let layer = CallbackLayer::new(callbacks.clone());
        let AllocationInfo { bytes_current, .. } = measure(|| {
            runtime.block_on(async {
                for _ in 0..RUNS {
                    let mut stream = call(&layer, 1_000).await;
                    for _ in 0..TOKENS {
                        stream.next().await;
                        // Each handler's task gets a turn.
                        tokio::task::yield_now().await;
                        tokio::task::yield_now().await;
                    }
                    streams.push(stream);
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
    let inline = per_run(&Callbacks::new().inline(Quiet));
    println!("inline: {inline} bytes a run");
    assert!(inline <= 2_048, "{inline} bytes for a run with an inline handler");
    for count in [1, 4] {
        let callbacks = Callbacks::new();
        let callbacks = (0..count).fold(callbacks, |callbacks, _| callbacks.async_handler(Quiet));
        let bytes = per_run(&callbacks);
        // Most of it is the handler's task.
        let bound = 2_048 + count * 1_280;
        println!("{count} async: {bytes} bytes a run");
        assert!(bytes <= bound, "{count} async handlers: {bytes} bytes, of {bound}");
    }
}

#[test]
fn without_handlers_no_run_is_made() {
    let runtime = runtime();
    let allocations = |wrapped: bool| {
        let callbacks = Callbacks::new();
        let chunk: fn() -> Result<Chunk, Infallible> = || Ok(Chunk);
        let model = service_fn(move |_: Request| async move {
            assert!(Run::current().is_none());
            Ok::<_, Infallible>(stream::repeat_with(chunk).take(10))
        });
        let mut layered = CallbackLayer::new(callbacks).layer(model);
        let mut bare = model;
        measure(|| {
            runtime.block_on(async {
                if wrapped {
                    read(layered.call(Request).await.unwrap(), 11).await;
                } else {
                    read(bare.call(Request).await.unwrap(), 11).await;
                }
            });
        })
        .count_total
    };
    allocations(false);
    assert_eq!(allocations(true), allocations(false));
}
