//! The stream and the baseline handlers of the rows.

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

/// Returns an answer that is always ready and reports its usage.
fn answer(tokens: usize) -> impl Stream<Item = Result<ChatChunk, Infallible>> + Unpin + Send {
    let chunks = (0..tokens).map(|_| Ok(ChatChunk::text(" token")));
    let usage = Delta::Usage { usage: Usage::new(10, tokens as u64), raw: None };
    stream::iter(chunks.chain([Ok(usage), Ok(ChatChunk::Done)]))
}

/// Reads answers through a layer with these callbacks. Returns the time per token, or per answer if `tokens` is 0.
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

/// A handler that ignores start and end events.
pub(crate) struct IgnoreEnds;

impl CallbackHandler for IgnoreEnds {
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

/// A handler that ignores start, token and end events.
pub(crate) struct IgnoreTokens;

impl CallbackHandler for IgnoreTokens {
    fn event_mask(&self) -> EventMask {
        EventMask::LLM - EventMask::TOKEN_TIMES
    }

    fn on_llm_new_token(&self, _run: &Run, token: &tower_llm_callbacks::Token) {
        black_box(token);
    }
}
