use std::{
    env, fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use opentelemetry::{Context, InstrumentationScope};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    logs::{LogProcessor, SdkLogRecord},
    trace::{Span, SpanData, SpanProcessor},
};

use super::{ExportClient, Signal};

/// How many spans, or records of logs, wait for their export. The SDK's queue has the same length, and would drop the others
/// without a word.
pub(super) struct Queue {
    signal: Signal,
    client: Arc<ExportClient>,
    waiting: AtomicUsize,
    pub(super) length: usize,
}

impl Queue {
    /// The length is that of an environment variable of the SDK, if it is set.
    pub(super) fn new(
        signal: Signal,
        client: &Arc<ExportClient>,
        variable: &str,
        length: usize,
    ) -> Arc<Self> {
        let set = env::var(variable).ok().and_then(|length| length.parse().ok());
        let (client, waiting) = (Arc::clone(client), AtomicUsize::new(0));
        Arc::new(Self { signal, client, waiting, length: set.unwrap_or(length) })
    }

    /// Counts one more. Returns false if there is no room for it: it is lost.
    fn enter(&self) -> bool {
        let has_room = self.waiting.fetch_add(1, Ordering::AcqRel) < self.length;
        if !has_room {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            self.lost(1);
        }
        has_room
    }

    /// Some are exported now.
    pub(super) fn leave(&self, items: usize) {
        self.waiting.fetch_sub(items, Ordering::AcqRel);
    }

    pub(super) fn lost(&self, items: usize) {
        self.client.signals.lost(self.signal, items);
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("length", &self.length).finish_non_exhaustive()
    }
}

/// A processor of the SDK that gets only what its queue has room for.
#[derive(Debug)]
pub(super) struct Bounded<P> {
    pub(super) processor: P,
    pub(super) queue: Arc<Queue>,
}

impl<P: SpanProcessor> SpanProcessor for Bounded<P> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.processor.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if self.queue.enter() {
            self.processor.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.processor.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.processor.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.processor.set_resource(resource);
    }
}

impl<P: LogProcessor> LogProcessor for Bounded<P> {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        if self.queue.enter() {
            self.processor.emit(record, scope);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.processor.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.processor.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.processor.set_resource(resource);
    }
}
