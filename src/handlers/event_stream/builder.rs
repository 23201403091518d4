use std::{future::Future, sync::Arc};

use super::{
    DrivenEvents, EventStream,
    filter::{Filter, Which},
    handler,
    queue::{Queue, Settings},
};
use crate::{
    callbacks::{Callbacks, RunConfig},
    handler::EventMask,
    run::RunType,
};

/// Says what an [`EventStream`] gives, and of what.
///
/// Without any `include_…` it gives the events of all runs; with some, of those that one of them names. What
/// an `exclude_…` names is left out in any case.
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
///     .run(async move { shout.ready().await?.call("hi".to_owned()).await });
/// while let Some(event) = events.next().await {
///     println!("{}", serde_json::to_string(&event)?);
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[must_use = "it observes nothing until it is attached or run"]
pub struct EventStreamBuilder {
    filter: Filter,
    interests: EventMask,
    capacity: usize,
    waits: bool,
}

impl EventStreamBuilder {
    pub(super) fn new() -> Self {
        let filter = Filter::default();
        Self { filter, interests: EventMask::ALL, capacity: 256, waits: false }
    }

    /// Gives the events of runs with one of these names.
    pub fn include_names<T: Into<Arc<str>>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        add(&mut self.filter.include, |which| &mut which.names, names);
        self
    }

    /// Gives the events of runs of one of these types.
    pub fn include_types(mut self, types: impl IntoIterator<Item = RunType>) -> Self {
        self.filter.include.types.extend(types);
        self
    }

    /// Gives the events of runs with one of these tags.
    pub fn include_tags<T: Into<Arc<str>>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        add(&mut self.filter.include, |which| &mut which.tags, tags);
        self
    }

    /// Leaves out the events of runs with one of these names.
    pub fn exclude_names<T: Into<Arc<str>>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        add(&mut self.filter.exclude, |which| &mut which.names, names);
        self
    }

    /// Leaves out the events of runs of one of these types.
    pub fn exclude_types(mut self, types: impl IntoIterator<Item = RunType>) -> Self {
        self.filter.exclude.types.extend(types);
        self
    }

    /// Leaves out the events of runs with one of these tags.
    pub fn exclude_tags<T: Into<Arc<str>>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        add(&mut self.filter.exclude, |which| &mut which.tags, tags);
        self
    }

    /// Sets which events are given; all are by default.
    pub fn interests(mut self, interests: EventMask) -> Self {
        self.interests = interests;
        self
    }

    /// Sets how many events wait to be read at most; 256 is the default. Where calls do not wait for whoever
    /// reads, that is so for each run: what there is no room for is dropped, starts and ends of runs aside.
    /// (Where 20,000 of those wait, runs that start are left out.) Where calls do wait, it is so for all
    /// together, and each run may have as many more on their way.
    ///
    /// # Panics
    ///
    /// If the capacity is 0.
    pub fn capacity(mut self, events: usize) -> Self {
        assert!(events > 0, "an event stream's capacity must be at least 1 event");
        self.capacity = events;
        self
    }

    /// Lets the calls wait for whoever reads an [attached](Self::attach) stream: no token is dropped, and a
    /// stream that is neither read nor dropped holds the calls up.
    pub fn wait(mut self) -> Self {
        self.waits = true;
        self
    }

    /// A stream of a run that others make, and the callbacks to attach to it: at request time (with
    /// [`RunConfig::callbacks`]), or as a layer's inheritable ones.
    ///
    /// The first run that has the callbacks is the root, and the stream ends with it; other roots are left
    /// out. The calls do not wait for whoever reads: where that one is slow, tokens and custom events are
    /// dropped and, in the ends of model runs, counted (see [`wait`](Self::wait)).
    ///
    /// ```
    /// use futures::StreamExt;
    /// use tower_llm_callbacks::{RunConfig, handlers::EventStream};
    ///
    /// # async fn call_a_chain() {}
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let (callbacks, events) = EventStream::builder().attach();
    /// tokio::spawn(RunConfig::new().callbacks(&callbacks).scope(call_a_chain()));
    /// # drop(callbacks);
    /// let kinds: Vec<_> = events.map(|event| event.kind()).collect().await;
    /// # assert!(kinds.is_empty());
    /// # }
    /// ```
    pub fn attach(self) -> (Callbacks, EventStream) {
        let waits = self.waits;
        self.build(waits, true)
    }

    /// A stream that drives a future, and gives the events of all the runs that are made in it: LangChain's
    /// `astream_events`.
    ///
    /// The future is polled while no event waits, so that no event is dropped, however slowly they are read.
    /// A run is in it if its service is called in it, and a [scope](RunConfig::scope) if it is made in it: a
    /// call `chain.call(input)` is observed as `async { chain.call(input).await }`.
    pub fn run<F: Future>(self, future: F) -> DrivenEvents<F> {
        let (callbacks, events) = self.build(true, false);
        let config = RunConfig::new().callbacks(&callbacks);
        DrivenEvents::new(config.scope(future), events)
    }

    fn build(self, waits: bool, ends_with_root: bool) -> (Callbacks, EventStream) {
        let Self { filter, interests: wanted, capacity, .. } = self;
        let queue = Queue::new(Settings { filter, wanted, capacity, waits, ends_with_root });
        (handler::callbacks(&queue, capacity), EventStream::new(queue))
    }
}

fn add<T: Into<Arc<str>>>(
    which: &mut Which,
    list: impl FnOnce(&mut Which) -> &mut Vec<Arc<str>>,
    words: impl IntoIterator<Item = T>,
) {
    list(which).extend(words.into_iter().map(Into::into));
}
