use std::{cell::Cell, sync::Arc};

use http::Extensions;

#[cfg(feature = "otel")]
use opentelemetry::Context;

use super::{Attempts, Consumer, EmitError, HandlerFrame, Run, RunType, info::Inherited};

thread_local! {
    static CURRENT: Cell<Scope> = const { Cell::new(Scope::Root) };
}

/// What the running code is part of: swapped into a thread-local for each poll.
///
/// Values are moved in and out, never borrowed. So no user code runs, and nothing is dropped, while the
/// thread-local is borrowed.
#[derive(Clone, Default)]
pub(crate) enum Scope {
    /// Nothing: a call made here is a root.
    #[default]
    Root,
    /// A run: a call made here is its child.
    Run(Run),
    /// A handler: a call made here is a root, and does not notify the handler.
    Handler(Arc<HandlerFrame>),
    /// A place with settings for the calls made directly in it.
    Configured(Arc<ScopeSettings>),
}

/// The run around a call, if there is one, and settings for calls made directly in it.
#[derive(Default)]
pub(crate) struct ScopeSettings {
    pub(crate) parent: Option<Run>,
    pub(crate) frame: Option<Arc<HandlerFrame>>,
    /// Request-time configurations, outermost first.
    pub(crate) configs: Vec<Inherited>,
    /// Counts the attempts of one call.
    pub(crate) attempts: Option<Arc<Attempts>>,
    /// The consumer of the call, if its answer may be read without it.
    pub(crate) consumer: Option<Consumer>,
}

impl ScopeSettings {
    fn has_only_a_consumer(&self) -> bool {
        let Self { parent, frame, configs, attempts, consumer: _ } = self;
        parent.is_none() && frame.is_none() && configs.is_empty() && attempts.is_none()
    }
}

impl Scope {
    pub(crate) fn of(run: &Run) -> Self {
        Scope::Run(run.clone())
    }

    /// Returns the scope of code that enters a run. If it is the code of handlers, those are not notified of the calls
    /// that it makes there.
    pub(crate) fn within(run: &Run) -> Self {
        match Scope::current().frame() {
            None => Scope::of(run),
            Some(frame) => Scope::Configured(Arc::new(ScopeSettings {
                parent: Some(run.clone()),
                frame: Some(frame.and(run.frame())),
                ..ScopeSettings::default()
            })),
        }
    }

    pub(crate) fn current() -> Self {
        // `try_with`: a drop during a thread's teardown may come after its thread-locals.
        CURRENT
            .try_with(|current| {
                let scope = current.take();
                let copy = scope.clone();
                current.set(scope);
                copy
            })
            .unwrap_or_default()
    }

    pub(crate) fn is_root(&self) -> bool {
        matches!(self, Scope::Root)
    }

    pub(crate) fn parent(&self) -> Option<&Run> {
        match self {
            Scope::Run(run) => Some(run),
            Scope::Configured(settings) => settings.parent.as_ref(),
            Scope::Root | Scope::Handler(_) => None,
        }
    }

    pub(crate) fn configs(&self) -> &[Inherited] {
        match self {
            Scope::Configured(settings) => &settings.configs,
            _ => &[],
        }
    }

    pub(crate) fn attempts(&self) -> Option<&Arc<Attempts>> {
        match self {
            Scope::Configured(settings) => settings.attempts.as_ref(),
            _ => None,
        }
    }

    /// Returns the consumer of a call made here, if its answer may be read without it. A model call inside a model call is
    /// the same call, on another level; any other run is the consumer of the calls that it makes.
    pub(crate) fn consumer(&self) -> Option<&Consumer> {
        match self {
            Scope::Run(run) if run.run_type() == RunType::Llm => run.consumer(),
            Scope::Configured(settings) => settings.consumer.as_ref(),
            _ => None,
        }
    }

    /// Returns this scope, or the one that a request carries if nothing is around the call here. Only a consumer may be:
    /// it is added to the carried scope.
    pub(crate) fn or_carried(self, carried: Option<&Scope>) -> Self {
        let Some(carried) = carried else { return self };
        match &self {
            Scope::Root => carried.clone(),
            Scope::Configured(settings) if settings.has_only_a_consumer() => {
                let consumer = settings.consumer.clone();
                carried.configured(|scope| scope.consumer = consumer)
            }
            _ => self,
        }
    }

    /// Carries the scope of the code here in the extensions of a request, for layers that are called elsewhere. Returns it.
    pub(crate) fn carry(extensions: &mut Extensions) -> Self {
        let scope = Scope::current().or_carried(extensions.get());
        if !scope.is_root() {
            extensions.insert(scope.clone());
        }
        scope
    }

    /// Returns the handlers whose code makes the call, or made a run above it.
    pub(crate) fn frame(&self) -> Option<&Arc<HandlerFrame>> {
        match self {
            Scope::Root => None,
            Scope::Run(run) => run.frame(),
            Scope::Handler(frame) => Some(frame),
            Scope::Configured(settings) => settings.frame.as_ref(),
        }
    }

    /// Returns this scope with other settings.
    pub(crate) fn configured(&self, change: impl FnOnce(&mut ScopeSettings)) -> Self {
        let mut settings = ScopeSettings {
            parent: self.parent().cloned(),
            frame: self.frame().cloned(),
            configs: self.configs().to_vec(),
            attempts: self.attempts().cloned(),
            consumer: self.consumer().cloned(),
        };
        change(&mut settings);
        Scope::Configured(Arc::new(settings))
    }

    /// Calls a closure in this scope.
    ///
    /// The value is swapped in for the time of the call and then back out: no reference is counted.
    #[inline]
    pub(crate) fn enter<T>(&mut self, f: impl FnOnce() -> T) -> T {
        #[cfg(any(feature = "tracing-spans", feature = "otel"))]
        let parent = self.parent();
        #[cfg(feature = "tracing-spans")]
        let span = parent.and_then(Run::tracing_span).cloned();
        #[cfg(feature = "tracing-spans")]
        let _entered = span.as_ref().map(tracing::Span::enter);
        #[cfg(feature = "otel")]
        let _attached = parent.and_then(Run::otel_context).cloned().map(Context::attach);
        self.enter_code(f)
    }

    /// Calls the code of a handler in its scope, which has no run and so no span.
    #[inline]
    pub(crate) fn enter_code<T>(&mut self, f: impl FnOnce() -> T) -> T {
        struct Reset<'a>(&'a mut Scope);
        impl Drop for Reset<'_> {
            fn drop(&mut self) {
                swap(self.0);
            }
        }
        swap(self);
        let _reset = Reset(self);
        f()
    }
}

fn swap(scope: &mut Scope) {
    let _ = CURRENT.try_with(|current| *scope = current.replace(std::mem::take(scope)));
}

/// The current run.
impl Run {
    /// Returns the run that the current task or thread is part of.
    ///
    /// Inside a call that a layer wraps, this is the call's run. Returns `None` inside a handler.
    pub fn current() -> Option<Run> {
        Scope::current().parent().cloned()
    }

    /// Calls a closure with this run as the current one: a wrapped call made in it is a child of the run.
    ///
    /// For futures and streams, see [`InCurrentRun`](crate::InCurrentRun).
    ///
    /// A handler that enters a run is not notified of the calls that it makes there. Other handlers are.
    pub fn scope<T>(&self, f: impl FnOnce() -> T) -> T {
        Scope::within(self).enter(f)
    }
}

/// Emits a custom event of the current run: [`Run::emit`] of [`Run::current`].
///
/// # Errors
///
/// If there is no current run, and as [`Run::emit`].
pub fn emit(name: &str, value: impl Into<serde_json::Value>) -> Result<(), EmitError> {
    Run::current().ok_or_else(EmitError::outside_run)?.emit(name, value)
}
