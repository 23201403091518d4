//! The streams and handlers of the rows.

use std::{
    convert::Infallible,
    hint::black_box,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures::{Stream, StreamExt};
use tower::{Layer, Service, service_fn};
use tower_llm_callbacks::{
    AsyncCallbackHandler, CallbackHandler, CallbackLayer, Callbacks, Delta, EventData, EventMask,
    LlmChunk, LlmRequest, LlmStart, Prompt, Run, Token,
    handler::{BatchError, BatchEvent},
    layer::CallbackStream,
};

pub(crate) struct Request;

impl LlmRequest for Request {
    fn llm_start(&self) -> LlmStart {
        LlmStart::new("bench", "chat").messages(Prompt::none())
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Chunk(pub(crate) &'static str);

impl LlmChunk for Chunk {
    fn deltas(&self, each: &mut dyn FnMut(Delta<'_>)) {
        each(Delta::text(self.0));
    }
}

pub(crate) type Item = Result<Chunk, Infallible>;
pub(crate) fn text(item: &Item) -> &'static str {
    match item {
        Ok(Chunk(token)) => token,
        Err(never) => match *never {},
    }
}

pub(crate) type Boxed = Pin<Box<dyn Stream<Item = Item> + Send>>;

/// Returns a model's stream that is always ready, boxed as models' streams are.
pub(crate) fn bare(tokens: usize) -> Boxed {
    struct Bare(usize);
    impl Stream for Bare {
        type Item = Item;
        fn poll_next(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Item>> {
            if self.0 == 0 {
                return Poll::Ready(None);
            }
            self.0 -= 1;
            Poll::Ready(Some(Ok(Chunk(black_box(" token")))))
        }
    }
    Box::pin(Bare(tokens))
}

/// Returns a stream of one token per interval.
pub(crate) fn paced(tokens: usize, interval: Duration) -> Boxed {
    let ticks = tokio::time::interval(interval);
    let stream = futures::stream::unfold((ticks, tokens), |(mut ticks, left)| async move {
        if left == 0 {
            return None;
        }
        ticks.tick().await;
        Some((Ok(Chunk(" token")), (ticks, left - 1)))
    });
    Box::pin(stream)
}

pub(crate) async fn layered(callbacks: &Callbacks, stream: Boxed) -> CallbackStream<Boxed, Chunk> {
    let mut stream = Some(stream);
    let model = service_fn(move |_request: Request| {
        std::future::ready(Ok::<_, Infallible>(stream.take().expect("called once")))
    });
    let model = std::sync::Arc::new(Mutex::new(model));
    let model = service_fn(move |request| model.lock().unwrap().call(request));
    let mut model = CallbackLayer::new(callbacks.clone()).layer(model);
    model.call(Request).await.expect("the model does not fail")
}

pub(crate) async fn read<S: Stream + Unpin>(mut stream: S) -> usize {
    let mut items = 0;
    while let Some(item) = stream.next().await {
        black_box(item);
        items += 1;
    }
    items
}

/// The work of each handler, and of each baseline, for a token.
#[derive(Default)]
pub(crate) struct Count {
    pub(crate) tokens: AtomicU64,
    pub(crate) bytes: AtomicU64,
}

impl Count {
    pub(crate) fn token(&self, text: &str) {
        self.tokens.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(text.len() as u64, Ordering::Relaxed);
    }

    pub(crate) fn seen(&self) -> u64 {
        self.tokens.load(Ordering::Relaxed)
    }
}

impl CallbackHandler for Count {
    fn event_mask(&self) -> EventMask {
        EventMask::LLM_NEW_TOKEN
    }

    fn on_llm_new_token(&self, _run: &Run, token: &Token) {
        self.token(token.text());
    }
}

/// A [`Count`] that takes batches.
pub(crate) struct Batches(pub(crate) Arc<Count>);

impl CallbackHandler for Batches {
    fn event_mask(&self) -> EventMask {
        EventMask::LLM_NEW_TOKEN
    }

    fn on_events(&self, batch: &[BatchEvent<'_>]) -> Result<(), BatchError> {
        for BatchEvent { event, .. } in batch {
            if let EventData::LlmNewToken(token) = event.data() {
                self.0.token(token.text());
            }
        }
        Ok(())
    }
}

impl AsyncCallbackHandler for Count {
    fn event_mask(&self) -> EventMask {
        EventMask::LLM_NEW_TOKEN
    }

    async fn on_llm_new_token(&self, _run: &Run, token: &Token) {
        self.token(token.text());
    }
}
