use std::{
    fmt,
    sync::{Arc, OnceLock, Weak},
    time::{Duration, SystemTime},
};

use serde_json::{Map, Value};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    Abort, Context, Control, EmitError, RunType, TraceParent,
    context::Inside,
    info::{Baggage, EventSink, Path, RunInfo, path_below},
};

/// One execution of a wrapped call.
///
/// Every event comes with its run. A run is cheap to clone (a reference count) and may be kept and
/// used from any thread, also after its end. While it is kept, so are the callbacks that its children
/// inherit: a handler that remembers runs for long should remember their [ids](Run::run_id).
#[derive(Clone)]
pub struct Run(Arc<Inner>);

struct Inner {
    info: RunInfo,
    started: Started,
    control: Control,
    baggage: Option<Baggage>,
    inside: Option<Arc<Inside>>,
    sink: OnceLock<Weak<dyn EventSink>>,
    later: OnceLock<Box<Later>>,
}

/// What most runs never have.
#[derive(Default)]
struct Later {
    /// For its children: made with the first of them.
    path: OnceLock<Path>,
    #[cfg(feature = "tracing-spans")]
    span: OnceLock<tracing::Span>,
    /// The span of a distributed trace that a handler has made of it.
    span_context: OnceLock<TraceParent>,
}

struct Started {
    clock: Instant,
    time: SystemTime,
}

impl Run {
    pub(crate) fn new(
        info: RunInfo,
        baggage: Option<Baggage>,
        inside: Option<Arc<Inside>>,
    ) -> Self {
        Self::started(info, baggage, inside, SystemTime::now())
    }

    /// A run that is, or was, somewhere else.
    pub(crate) fn elsewhere(info: RunInfo, start_time: SystemTime) -> Self {
        Self::started(info, None, None, start_time)
    }

    fn started(
        info: RunInfo,
        baggage: Option<Baggage>,
        inside: Option<Arc<Inside>>,
        time: SystemTime,
    ) -> Self {
        let control = Control::default();
        let started = Started { clock: Instant::now(), time };
        let (sink, later) = (OnceLock::new(), OnceLock::new());
        Self(Arc::new(Inner { info, started, control, baggage, inside, sink, later }))
    }

    /// The run's own id, a UUID of version 7.
    pub fn run_id(&self) -> Uuid {
        self.0.info.run_id
    }

    /// The id of the run that this one is a child of; none for a root.
    pub fn parent_run_id(&self) -> Option<Uuid> {
        self.parent_ids().last().copied()
    }

    /// The id of the root run of the tree that this run is in: its own id if it is a root.
    pub fn root_run_id(&self) -> Uuid {
        self.parent_ids().first().copied().unwrap_or(self.0.info.run_id)
    }

    /// The ids of the runs that it is in, the root first and its parent last; empty for a root.
    ///
    /// Of runs that are nested more than 1,024 deep these are the root and the nearest 1,023.
    pub fn parent_ids(&self) -> &[Uuid] {
        self.0.info.parents.as_deref().map_or(&[], Vec::as_slice)
    }

    /// What it is an execution of.
    pub fn run_type(&self) -> RunType {
        self.0.info.run_type
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.info.name
    }

    /// Its tags, those inherited included, without duplicates.
    pub fn tags(&self) -> &[Arc<str>] {
        &self.0.info.tags
    }

    /// Its metadata, those inherited included.
    pub fn metadata(&self) -> &Map<String, Value> {
        &self.0.info.metadata
    }

    /// Which attempt of a retried call it is, from 1. Counted where an
    /// [`AttemptsLayer`](crate::AttemptsLayer) stands above the retrying layer; otherwise 1.
    pub fn attempt(&self) -> u32 {
        self.0.info.attempt
    }

    /// The trace that the HTTP request said it is part of, in a valid `traceparent` header. Its trace id
    /// is also in the [metadata](Self::metadata), as `trace_id`.
    pub fn inbound_traceparent(&self) -> Option<&TraceParent> {
        self.0.info.traceparent.as_ref()
    }

    /// The W3C id of the distributed trace that the run is part of, as 32 hexadecimal digits.
    ///
    /// It is that of the run's [`span_context`](Self::span_context), else that of its inbound `traceparent`, else
    /// that of the run around it. `None` outside of any trace.
    pub fn trace_id(&self) -> Option<&str> {
        match self.span_context() {
            Some(span) => Some(span.trace_id()),
            None => self.0.info.trace_id.as_deref(),
        }
    }

    /// The span of a tracing system that stands for this run, if a handler has [said](Self::set_span_context) which.
    pub fn span_context(&self) -> Option<&TraceParent> {
        self.0.later.get()?.span_context.get()
    }

    /// Says which span of a tracing system stands for this run, so that what is called can be told: see
    /// [`TracePropagation::Child`](crate::http_layer::TracePropagation::Child). For handlers, in the start event.
    ///
    /// The first word counts; false if it was said before.
    pub fn set_span_context(&self, span: TraceParent) -> bool {
        self.0.later.get_or_init(Box::default).span_context.set(span).is_ok()
    }

    /// When it started, by the wall clock.
    pub fn start_time(&self) -> SystemTime {
        self.0.started.time
    }

    /// Time since it started, by a monotonic clock.
    pub fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(self.0.started.clock)
    }

    /// Gives the call up.
    ///
    /// Marks the run and wakes its task: at the next poll (or drop) the inner call is dropped, the
    /// consumer gets an [`Aborted`](crate::Aborted) error, and the run ends in an error of kind
    /// [`Aborted`](crate::ErrorKind::Aborted). In the start phase the inner service is never called. An
    /// inline or lockstep handler that aborts on a token keeps its chunk from the consumer.
    ///
    /// Works from any thread, inside handlers and outside. Returns true if this abort ends the run,
    /// and false if the run has told its terminal event or was aborted before.
    pub fn abort(&self, abort: Abort) -> bool {
        self.0.control.abort(abort)
    }

    /// Emits a custom event of this run.
    ///
    /// It takes its place among the run's other events: emitted while an event is told, it comes
    /// after it. The caller never waits. Inline handlers are called before this returns, by this
    /// thread, unless another thread is telling an event of the run at that moment: then by that one.
    ///
    /// # Errors
    ///
    /// If the run has ended, nobody is told. If a handler's queue is full, the others are told, and
    /// the error says how many were not.
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

    /// The run that the current task or thread is in.
    ///
    /// Inside a call that is wrapped by a layer this is the call's run; inside a handler there is
    /// none.
    pub fn current() -> Option<Run> {
        Context::current().parent().cloned()
    }

    /// Calls a closure with this run as the current one: a wrapped call that is made in it is a child.
    ///
    /// For futures and streams see [`InCurrentRun`](crate::InCurrentRun).
    pub fn scope<T>(&self, f: impl FnOnce() -> T) -> T {
        Context::of(self).enter(f)
    }

    /// Has the run's inner call, and whatever else runs in the run, polled inside a [`tracing`] span: so logs
    /// that are written there are the span's. For handlers, which should be inline and do it at the start.
    /// A run has one span: false if it had one before.
    ///
    /// [`handlers::TracingSpans`](crate::handlers::TracingSpans) does it.
    #[cfg(feature = "tracing-spans")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tracing-spans")))]
    pub fn set_tracing_span(&self, span: tracing::Span) -> bool {
        self.0.later.get_or_init(Box::default).span.set(span).is_ok()
    }

    /// The span that the run's inner call is polled in, if a handler has set one.
    #[cfg(feature = "tracing-spans")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tracing-spans")))]
    #[inline]
    pub fn tracing_span(&self) -> Option<&tracing::Span> {
        self.0.later.get()?.span.get()
    }

    /// What it is, to keep parts of it without the run.
    pub(crate) fn info(&self) -> &RunInfo {
        &self.0.info
    }

    /// Whether its terminal event was told: from here on it is neither aborted, nor emitted through.
    pub fn has_ended(&self) -> bool {
        self.0.control.has_ended()
    }

    /// What a child has as its [`parent_ids`](Self::parent_ids).
    pub(crate) fn path(&self) -> Path {
        let later = self.0.later.get_or_init(Box::default);
        let path = later.path.get_or_init(|| path_below(self.parent_ids(), self.run_id()));
        Arc::clone(path)
    }

    #[inline]
    pub(crate) fn control(&self) -> &Control {
        &self.0.control
    }

    pub(crate) fn baggage(&self) -> Option<&Baggage> {
        self.0.baggage.as_ref()
    }

    pub(crate) fn inside(&self) -> Option<&Arc<Inside>> {
        self.0.inside.as_ref()
    }

    /// Sets where emitted events go. Weak, so that a handler which keeps runs is not kept by them.
    pub(crate) fn set_sink(&self, sink: Weak<dyn EventSink>) {
        // Set once, by the run's maker.
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
