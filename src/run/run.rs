use std::{
    fmt,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use serde_json::{Map, Value};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    Abort, Consumer, Control, EmitError, HandlerFrame, RunType, TraceParent,
    info::{EventSink, Inherited, Path, RunInfo, path_below},
    lazy::Lazy,
};

/// One execution of a wrapped call.
///
/// Every event comes with its run. A run is cheap to clone (a reference count), may be kept, and may be used from
/// any thread, also after its end. A kept run keeps the callbacks that its children inherit: a handler that
/// remembers runs for long should remember their [ids](Run::run_id) instead.
#[derive(Clone)]
pub struct Run(pub(super) Arc<Inner>);

pub(super) struct Inner {
    info: RunInfo,
    started: Started,
    /// When the inner service was called, in nanoseconds since the start.
    called: AtomicU64,
    control: Control,
    /// The answer is from a cache.
    cached: AtomicBool,
    /// The call of a language model that the run is a child of.
    outer_call: Weak<Inner>,
    inherited: Option<Inherited>,
    frame: Option<Arc<HandlerFrame>>,
    consumer: Option<Consumer>,
    sink: OnceLock<Weak<dyn EventSink>>,
    pub(super) lazy: OnceLock<Box<Lazy>>,
}

/// The inner service was not called.
const NEVER: u64 = u64::MAX;

struct Started {
    clock: Instant,
    time: SystemTime,
}

impl Run {
    pub(crate) fn new(
        info: RunInfo,
        parent: Option<&Run>,
        inherited: Option<Inherited>,
        frame: Option<Arc<HandlerFrame>>,
        consumer: Option<Consumer>,
    ) -> Self {
        if let Some(consumer) = &consumer {
            consumer.add_run();
        }
        let outer = parent.filter(|outer| outer.run_type() == RunType::Llm);
        let outer = outer.map_or_else(Weak::new, |outer| Arc::downgrade(&outer.0));
        Self::started(info, outer, inherited, frame, consumer, SystemTime::now())
    }

    /// A run of another process.
    pub(crate) fn remote(info: RunInfo, start_time: SystemTime) -> Self {
        Self::started(info, Weak::new(), None, None, None, start_time)
    }

    fn started(
        info: RunInfo,
        outer_call: Weak<Inner>,
        inherited: Option<Inherited>,
        frame: Option<Arc<HandlerFrame>>,
        consumer: Option<Consumer>,
        time: SystemTime,
    ) -> Self {
        Self(Arc::new(Inner {
            info,
            started: Started { clock: Instant::now(), time },
            called: AtomicU64::new(NEVER),
            control: Control::default(),
            cached: AtomicBool::new(false),
            outer_call,
            inherited,
            frame,
            consumer,
            sink: OnceLock::new(),
            lazy: OnceLock::new(),
        }))
    }

    /// Returns what the run is, to complete it before others have the run.
    pub(crate) fn info_mut(&mut self) -> Option<&mut RunInfo> {
        Arc::get_mut(&mut self.0).map(|inner| &mut inner.info)
    }

    /// Returns the run's id, a UUID of version 7.
    pub fn run_id(&self) -> Uuid {
        self.0.info.run_id
    }

    /// Returns the id of the run that this one is a child of. `None` for a root.
    pub fn parent_run_id(&self) -> Option<Uuid> {
        self.parent_ids().last().copied()
    }

    /// Returns the id of the root of the run's tree: its own id if it is a root.
    pub fn root_run_id(&self) -> Uuid {
        self.parent_ids().first().copied().unwrap_or(self.0.info.run_id)
    }

    /// Returns the ids of the runs above this one, the root first and the parent last. Empty for a root.
    ///
    /// For runs nested more than 1,024 deep, these are the root and the nearest 1,023.
    pub fn parent_ids(&self) -> &[Uuid] {
        self.0.info.parents.as_deref().map_or(&[], Vec::as_slice)
    }

    /// Returns the kind of work that the run executes.
    pub fn run_type(&self) -> RunType {
        self.0.info.run_type
    }

    /// Returns the run's name.
    pub fn name(&self) -> &str {
        &self.0.info.name
    }

    /// Returns the run's tags, inherited ones included, without duplicates.
    pub fn tags(&self) -> &[Arc<str>] {
        &self.0.info.tags
    }

    /// Returns the run's metadata, inherited keys included.
    pub fn metadata(&self) -> &Map<String, Value> {
        &self.0.info.metadata
    }

    /// Returns which attempt of a retried call the run is, from 1.
    ///
    /// Attempts are counted where an [`AttemptsLayer`](crate::AttemptsLayer) is above the retrying layer.
    /// Elsewhere this is 1.
    pub fn attempt(&self) -> u32 {
        self.0.info.attempt
    }

    /// Returns the W3C id of the distributed trace that the run is part of, as 32 hexadecimal digits.
    ///
    /// It is that of the [`span_context`](Self::span_context), else that of the
    /// [`inbound_traceparent`](Self::inbound_traceparent), else that of the run around this one. `None` outside
    /// of any trace.
    pub fn trace_id(&self) -> Option<&str> {
        match self.span_context() {
            Some(span) => Some(span.trace_id()),
            None => self.0.info.trace_id.as_deref(),
        }
    }

    /// Returns the `traceparent` header of the HTTP request, if it had a valid one.
    ///
    /// Its trace id is also in the [metadata](Self::metadata), as `trace_id`, unless that key is set otherwise.
    pub fn inbound_traceparent(&self) -> Option<&TraceParent> {
        self.0.info.traceparent.as_ref()
    }

    /// Returns when the run started, by the wall clock.
    pub fn start_time(&self) -> SystemTime {
        self.0.started.time
    }

    /// Returns the time since the run started, by a monotonic clock.
    pub fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(self.0.started.clock)
    }

    /// Returns when a call of this duration ended, by the wall clock. The duration is measured by a monotonic clock, and so
    /// the end never precedes the start.
    #[cfg(feature = "otel")]
    pub(crate) fn end_time(&self, duration: Duration) -> SystemTime {
        let called = Duration::from_nanos(self.called().unwrap_or(0));
        self.start_time().checked_add(called + duration).unwrap_or_else(|| self.start_time())
    }

    /// Returns when the inner service was called, in nanoseconds since the start of the run.
    #[inline]
    pub(crate) fn called(&self) -> Option<u64> {
        Some(self.0.called.load(Ordering::Relaxed)).filter(|called| *called != NEVER)
    }

    /// Set by the emitter alone.
    pub(crate) fn set_called(&self, called: u64) {
        self.0.called.store(called, Ordering::Relaxed);
    }

    /// Aborts the call.
    ///
    /// Marks the run and wakes its task. At the next poll (or drop) the inner call is dropped, the consumer gets an
    /// [`Aborted`](crate::Aborted) error, and the run ends in an error of kind
    /// [`Aborted`](crate::ErrorKind::Aborted). In the start phase the inner service is never called. If an inline
    /// or lockstep handler aborts on a token, the consumer does not get the item of that token.
    ///
    /// Works from any thread, inside handlers and outside. Returns true if this abort ends the run, and false if
    /// the terminal event was emitted, or the run aborted, before.
    pub fn abort(&self, abort: Abort) -> bool {
        self.0.control.abort(abort)
    }

    /// Marks the answer of a model call as one from a cache: nothing was sent to the provider, and nothing is charged.
    ///
    /// A cache calls this when it answers, before it returns the first item. The result of the run is then
    /// [cached](crate::LlmResult::cached), without usage, estimates and cost. If another layer observes the same call
    /// above, its run is marked too. Of an HTTP response, [`http_layer::Cached`](crate::http_layer::Cached) among its
    /// extensions says the same.
    ///
    /// ```
    /// # use tower_llm_callbacks::Run;
    /// # let cached: Option<&str> = Some("Paris");
    /// if let (Some(_answer), Some(run)) = (cached, Run::current()) {
    ///     run.set_cached();
    /// }
    /// ```
    pub fn set_cached(&self) {
        self.0.cached.store(true, Ordering::Release);
        // A call of a language model inside another one is the same call, on another level.
        let outer = self.0.outer_call.upgrade().filter(|_| self.run_type() == RunType::Llm);
        if let Some(outer) = outer {
            Run(outer).set_cached();
        }
    }

    /// Returns true if the answer was marked as one from a [cache](Self::set_cached).
    pub fn is_cached(&self) -> bool {
        self.0.cached.load(Ordering::Acquire)
    }

    /// Emits a custom event of this run.
    ///
    /// The event takes its place among the run's other events. If it is emitted while another event is being
    /// dispatched, it follows that event. The caller never waits. Inline handlers are called before this returns,
    /// by this thread, unless another thread is dispatching an event of the run: then by that one.
    ///
    /// # Errors
    ///
    /// If the run has ended, no handler receives the event. If the queue of a handler is full, the other handlers
    /// receive it, and the error says how many did not.
    ///
    /// ```
    /// # use tower_llm_callbacks::Run;
    /// if let Some(run) = Run::current() {
    ///     run.emit("cache", "miss").ok();
    /// }
    /// ```
    pub fn emit(&self, name: &str, value: impl Into<Value>) -> Result<(), EmitError> {
        let Some(sink) = self.0.sink.get().and_then(Weak::upgrade) else {
            return Err(EmitError::ended());
        };
        sink.emit(name, value.into())
    }

    /// Returns true if the terminal event was emitted. From then on the run can neither be aborted nor emit.
    pub fn has_ended(&self) -> bool {
        self.0.control.has_ended()
    }

    /// Adds metadata and tags to a run that has not started. Keys that are set stay as they are.
    pub(crate) fn identify(&mut self, metadata: Vec<(String, Value)>, tags: Vec<Arc<str>>) {
        // Nobody else has the run yet.
        let Some(inner) = Arc::get_mut(&mut self.0) else { return };
        let known = Arc::make_mut(&mut inner.info.metadata);
        for (key, value) in metadata {
            known.entry(key).or_insert(value);
        }
        let mut all = inner.info.tags.to_vec();
        for tag in tags {
            if !all.contains(&tag) {
                all.push(tag);
            }
        }
        inner.info.tags = all.into();
    }

    /// What the run is, to keep parts of it without the run.
    pub(crate) fn info(&self) -> &RunInfo {
        &self.0.info
    }

    /// Returns the [`parent_ids`](Self::parent_ids) of a child.
    pub(crate) fn path(&self) -> Path {
        let lazy = self.0.lazy.get_or_init(Box::default);
        let path = lazy.path.get_or_init(|| path_below(self.parent_ids(), self.run_id()));
        Arc::clone(path)
    }

    #[inline]
    pub(crate) fn control(&self) -> &Control {
        &self.0.control
    }

    pub(crate) fn inherited(&self) -> Option<&Inherited> {
        self.0.inherited.as_ref()
    }

    pub(crate) fn frame(&self) -> Option<&Arc<HandlerFrame>> {
        self.0.frame.as_ref()
    }

    /// Returns the consumer of the call, if its answer may be read without it.
    #[inline]
    pub(crate) fn consumer(&self) -> Option<&Consumer> {
        self.0.consumer.as_ref()
    }

    /// Sets the destination of emitted events. Weak, so that a handler that keeps runs is not kept by them.
    pub(crate) fn set_sink(&self, sink: Weak<dyn EventSink>) {
        // Set once, when the run is opened.
        let _ = self.0.sink.set(sink);
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("run_id", &self.run_id())
            .field("parent_run_id", &self.parent_run_id())
            .field("root_run_id", &self.root_run_id())
            .field("run_type", &self.run_type())
            .field("name", &self.name())
            .field("tags", &self.tags())
            .field("attempt", &self.attempt())
            .finish_non_exhaustive()
    }
}
