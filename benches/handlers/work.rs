//! The stream that the rows read.

use std::{convert::Infallible, hint::black_box};

use futures::{Stream, StreamExt, stream};
use tokio::runtime::{Builder, Runtime};
use tower::{Layer, Service, service_fn};
use tower_llm_callbacks::{
    CallbackHandler, CallbackLayer, Callbacks, Delta, EventMask, LlmResult, LlmStart, Run,
    RunError, Usage,
    chat::{ChatChunk, ChatRequest},
};

use harness::{Cost, per_token};

pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// An answer of so many tokens that never waits, and says what it used.
fn answer(tokens: usize) -> impl Stream<Item = Result<ChatChunk, Infallible>> + Unpin + Send {
    let chunks = (0..tokens).map(|_| Ok(ChatChunk::text(" token")));
    let usage = Delta::Usage { usage: Usage::new(10, tokens as u64), raw: None };
    stream::iter(chunks.chain([Ok(usage), Ok(ChatChunk::Done)]))
}

/// Reads some answers through a layer with these callbacks: the time for each of all their tokens, or for
/// each of the answers if they have none.
pub(crate) fn answers(
    runtime: &Runtime,
    callbacks: Callbacks,
    count: usize,
    tokens: usize,
) -> Cost {
    let model =
        service_fn(move |_: ChatRequest| std::future::ready(Ok::<_, Infallible>(answer(tokens))));
    let mut model = CallbackLayer::new(callbacks).metadata("user", "ada").layer(model);
    per_token(count * tokens.max(1), || {
        runtime.block_on(async {
            for _ in 0..count {
                let request = ChatRequest::new("gpt-5-mini").max_tokens(4096);
                let mut stream = model.call(request).await.expect("the model does not fail");
                while let Some(chunk) = stream.next().await {
                    black_box(chunk.expect("no error"));
                }
            }
        });
    })
}

/// Hears of starts and ends only.
pub(crate) struct Ends;

impl CallbackHandler for Ends {
    fn event_mask(&self) -> EventMask {
        EventMask::LLM_START | EventMask::LLM_END | EventMask::LLM_ERROR
    }

    fn on_llm_start(&self, _run: &Run, start: &LlmStart) {
        black_box(start);
    }

    fn on_llm_end(&self, _run: &Run, result: &LlmResult) {
        black_box(result);
    }

    fn on_llm_error(&self, _run: &Run, error: &RunError) {
        black_box(error);
    }
}

/// Hears of tokens too.
pub(crate) struct Tokens;

impl CallbackHandler for Tokens {
    fn event_mask(&self) -> EventMask {
        EventMask::LLM - EventMask::TOKEN_TIMES
    }

    fn on_llm_new_token(&self, _run: &Run, token: &tower_llm_callbacks::Token) {
        black_box(token);
    }
}
