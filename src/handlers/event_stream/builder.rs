use std::{future::Future, sync::Arc};

use super::{
    DrivenEvents, EventStream,
    filter::{Filter, Selector},
    handler,
    queue::{Queue, QueueConfig},
    reader::Reader,
};
use crate::{callbacks::Callbacks, handler::EventMask, lifecycle::RunConfig, run::RunType};

/// Configures an [`EventStream`]. Created by [`EventStream::builder`].
///
/// By default the stream yields the events of all runs. If any `include_…` is set, a run must match one of them. A run
/// that matches an `exclude_…` is left out in any case.
///
/// ```
/// use futures::StreamExt;
/// use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
/// use tower_llm_callbacks::{RunLayer, RunType, handlers::EventStream};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), BoxError> {
/// let shout = service_fn(|word: String| async move { Ok::<_, BoxError>(word.to_uppercase()) });
/// let mut shout = RunLayer::chain("shout").layer(shout);
///
/// let mut events = EventStream::builder()
///     .exclude_types([RunType::Retriever])
///     .of(async move { shout.ready().await?.call("hi".to_owned()).await });
/// while let Some(event) = events.next().await {
///     println!("{}", serde_json::to_string(&event)?);
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a builder observes nothing until `attach` or `of` is called"]
pub struct EventStreamBuilder {
    filter: Filter,
    event_mask: EventMask,
    capacity: usize,
    waits: bool,
}

impl EventStreamBuilder {
    pub(super) fn new() -> Self {
        let filter = Filter::default();
        Self { filter, event_mask: EventMask::ALL, capacity: 256, waits: false }
    }

    /// Includes runs with one of these names.
    pub fn include_names<T: Into<Arc<str>>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        add(&mut self.filter.include, |runs| &mut runs.names, names);
        self
    }

    /// Includes runs of one of these types.
    pub fn include_types(mut self, types: impl IntoIterator<Item = RunType>) -> Self {
        self.filter.include.types.extend(types);
        self
    }

    /// Includes runs with one of these tags.
    pub fn include_tags<T: Into<Arc<str>>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        add(&mut self.filter.include, |runs| &mut runs.tags, tags);
        self
    }

    /// Excludes runs with one of these names.
    pub fn exclude_names<T: Into<Arc<str>>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        add(&mut self.filter.exclude, |runs| &mut runs.names, names);
        self
    }

    /// Excludes runs of one of these types.
    pub fn exclude_types(mut self, types: impl IntoIterator<Item = RunType>) -> Self {
        self.filter.exclude.types.extend(types);
        self
    }

    /// Excludes runs with one of these tags.
    pub fn exclude_tags<T: Into<Arc<str>>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        add(&mut self.filter.exclude, |runs| &mut runs.tags, tags);
        self
    }

    /// Sets which events the stream yields; the default is all.
    pub fn event_mask(mut self, event_mask: EventMask) -> Self {
        self.event_mask = event_mask;
        self
    }

    /// Sets the maximum number of unread events; the default is 256.
    ///
    /// For an attached stream the limit applies to each run. Events that do not fit are dropped, but never the start
    /// or end of a run (if 20,000 of those are unread, new runs are left out). With [`wait`](Self::wait) the limit
    /// applies to all runs together, and each run may queue as many events again.
    ///
    /// # Panics
    ///
    /// Panics if the capacity is 0.
    pub fn capacity(mut self, events: usize) -> Self {
        assert!(events > 0, "an event stream's capacity must be at least 1 event");
        self.capacity = events;
        self
    }

    /// Makes calls wait for the reader of an [attached](Self::attach) stream, so that no token is dropped. A stream
    /// that is neither read nor dropped holds the calls up.
    pub fn wait(mut self) -> Self {
        self.waits = true;
        self
    }

    /// Creates a stream, and the callbacks to attach to a call: at request time (with [`RunConfig::callbacks`]), or as
    /// a layer's inheritable callbacks.
    ///
    /// The first run with the callbacks is the root, and the stream ends with it. Other root runs are left out, further
    /// attempts of a call that is retried too: make that call in a chain, which is then the root. Calls
    /// do not wait for a slow reader: tokens and custom events are dropped, and the end of a model's run has the number
    /// of dropped tokens (see [`wait`](Self::wait)).
    ///
    /// ```
    /// use futures::StreamExt;
    /// use tower_llm_callbacks::{RunConfig, handlers::EventStream};
    ///
    /// # async fn call_a_chain() {}
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let (callbacks, events) = EventStream::attach();
    /// tokio::spawn(RunConfig::new().callbacks(&callbacks).scope(call_a_chain()));
    /// # drop(callbacks);
    /// let kinds: Vec<_> = events.map(|event| event.kind()).collect().await;
    /// # assert!(kinds.is_empty());
    /// # }
    /// ```
    pub fn attach(self) -> (Callbacks, EventStream) {
        let waits = self.waits;
        let (callbacks, events) = self.build(waits, true);
        (callbacks, EventStream::new(events))
    }

    /// Creates a stream that drives a future and yields the events of all runs made in it: LangChain's
    /// `astream_events`.
    ///
    /// The future is polled only while no event is unread: no event is dropped, however slow the reader is. A run is
    /// observed if its service is *called* inside the future. So pass `async { chain.call(input).await }`, not
    /// `chain.call(input)`; likewise for a [scope](RunConfig::scope).
    pub fn of<F: Future>(self, future: F) -> DrivenEvents<F> {
        let (callbacks, events) = self.build(true, false);
        let config = RunConfig::new().callbacks(&callbacks);
        DrivenEvents::new(config.scope(future), events)
    }

    fn build(self, waits: bool, ends_with_root: bool) -> (Callbacks, Reader) {
        let Self { filter, event_mask: wanted, capacity, .. } = self;
        let queue = Queue::new(QueueConfig { filter, wanted, capacity, waits, ends_with_root });
        (handler::callbacks(&queue, capacity), Reader::new(queue))
    }
}

fn add<T: Into<Arc<str>>>(
    selector: &mut Selector,
    list: impl FnOnce(&mut Selector) -> &mut Vec<Arc<str>>,
    values: impl IntoIterator<Item = T>,
) {
    list(selector).extend(values.into_iter().map(Into::into));
}
