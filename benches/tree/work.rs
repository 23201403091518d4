//! The services and the handler of the rows.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use futures::{Stream, stream};
use tower::{BoxError, Service, service_fn};
use tower_llm_callbacks::{CallbackHandler, Event, EventMask, Run, chat::ChatChunk};

/// Returns the number of loop iterations that take about 10 µs.
pub(crate) fn ten_microseconds() -> u64 {
    const TURNS: u64 = 1_000_000;
    let least = (0..10)
        .map(|_| {
            let start = Instant::now();
            turns(TURNS);
            start.elapsed()
        })
        .min();
    let one = least.unwrap_or_default().max(Duration::from_nanos(1)).as_secs_f64() / TURNS as f64;
    (10e-6 / one) as u64
}

/// Runs a loop that the compiler cannot optimise away.
pub(crate) fn turns(turns: u64) {
    let mut x = black_box(1_u64);
    for _ in 0..turns {
        x = black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
    black_box(x);
}

type Done = Ready<Result<u64, Infallible>>;

/// Returns a service that runs the loop for a number of iterations.
pub(crate) fn worker(
    count: u64,
) -> impl Service<u64, Response = u64, Error = Infallible, Future = Done> + Clone {
    service_fn(move |request: u64| {
        turns(count);
        ready(Ok(request))
    })
}

/// Returns an answer that is always ready.
pub(crate) fn answer(
    tokens: usize,
) -> impl Stream<Item = Result<ChatChunk, BoxError>> + Unpin + Send {
    let chunks = (0..tokens).map(|_| Ok(ChatChunk::text(" token")));
    stream::iter(chunks.chain([Ok(ChatChunk::Done)]))
}

/// A handler that counts events.
#[derive(Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn seen(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl CallbackHandler for Count {
    fn event_mask(&self) -> EventMask {
        EventMask::ALL - EventMask::TOKEN_TIMES
    }

    fn on_event(&self, _run: &Run, _event: &Event) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
