//! The handlers of the rows.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::runtime::{Builder, Runtime};
use tower_llm_callbacks::{CallbackHandler, Callbacks, EventMask, HttpCallbackLayer, Run, Token};

use harness::{Bound, Row, print};

/// The work of each handler, and of each baseline, for a token.
#[derive(Default)]
pub(crate) struct Count {
    tokens: AtomicU64,
    bytes: AtomicU64,
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

/// Returns the layer with one inline handler that counts.
pub(crate) fn counting(count: &Arc<Count>) -> HttpCallbackLayer {
    HttpCallbackLayer::new(Callbacks::new().inline(Arc::clone(count)))
}

/// Returns a runtime whose two threads proxy, upstream and clients share.
pub(crate) fn multi_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// Prints a row without a bound, for comparison.
pub(crate) fn note(name: &'static str, baseline: &'static str, base: f64, ours: f64) {
    let bound = Bound::ratio(f64::INFINITY);
    let _met = print(&Row { name, baseline, bound }, base, ours);
}
