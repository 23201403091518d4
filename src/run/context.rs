use std::{cell::Cell, sync::Arc};

use super::{Attempts, Run, info::Baggage};

thread_local! {
    static CURRENT: Cell<Context> = const { Cell::new(Context::None) };
}

/// What the running code is in: swapped into a thread-local on each poll.
///
/// Values are moved in and out, never borrowed, so that no code runs (and nothing is dropped) while
/// the thread-local is borrowed.
#[derive(Clone, Default)]
pub(crate) enum Context {
    /// Nothing: a call made here is a root.
    #[default]
    None,
    /// A run: a call made here is its child.
    Run(Run),
    /// A handler: a call made here is a root that does not tell the handler.
    Handler(Arc<Inside>),
    /// A place with settings for the calls made in it.
    Scope(Arc<Scope>),
}

/// The handlers whose code is running, innermost first, by their identity.
pub(crate) struct Inside {
    pub(crate) handler: usize,
    pub(crate) outer: Option<Arc<Inside>>,
}

/// A run (or none), with settings for the calls made directly in it.
#[derive(Default)]
pub(crate) struct Scope {
    pub(crate) parent: Option<Run>,
    pub(crate) inside: Option<Arc<Inside>>,
    /// Configurations given at request time, outermost first.
    pub(crate) configs: Vec<Baggage>,
    /// Counts the attempts of one call.
    pub(crate) attempts: Option<Arc<Attempts>>,
}

impl Context {
    pub(crate) fn of(run: &Run) -> Self {
        Context::Run(run.clone())
    }

    pub(crate) fn current() -> Self {
        // `try_with`: a drop in a thread's teardown may come after its thread-locals.
        CURRENT
            .try_with(|current| {
                let context = current.take();
                let copy = context.clone();
                current.set(context);
                copy
            })
            .unwrap_or_default()
    }

    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Context::None)
    }

    pub(crate) fn parent(&self) -> Option<&Run> {
        match self {
            Context::Run(run) => Some(run),
            Context::Scope(scope) => scope.parent.as_ref(),
            Context::None | Context::Handler(_) => None,
        }
    }

    pub(crate) fn configs(&self) -> &[Baggage] {
        match self {
            Context::Scope(scope) => &scope.configs,
            _ => &[],
        }
    }

    pub(crate) fn attempts(&self) -> Option<&Arc<Attempts>> {
        match self {
            Context::Scope(scope) => scope.attempts.as_ref(),
            _ => None,
        }
    }

    /// The handlers whose code makes the call, or made a run above it.
    pub(crate) fn inside(&self) -> Option<&Arc<Inside>> {
        match self {
            Context::None => None,
            Context::Run(run) => run.inside(),
            Context::Handler(inside) => Some(inside),
            Context::Scope(scope) => scope.inside.as_ref(),
        }
    }

    /// This context, with settings changed.
    pub(crate) fn scoped(&self, change: impl FnOnce(&mut Scope)) -> Self {
        let mut scope = Scope {
            parent: self.parent().cloned(),
            inside: self.inside().cloned(),
            configs: self.configs().to_vec(),
            attempts: self.attempts().cloned(),
        };
        change(&mut scope);
        Context::Scope(Arc::new(scope))
    }

    /// Calls a closure in this context.
    pub(crate) fn enter<T>(mut self, f: impl FnOnce() -> T) -> T {
        self.swapped(f)
    }

    /// Calls a closure in this context without counting a reference: the value is swapped in for the
    /// time of the call, and back out.
    #[inline]
    pub(crate) fn swapped<T>(&mut self, f: impl FnOnce() -> T) -> T {
        struct Reset<'a>(&'a mut Context);
        impl Drop for Reset<'_> {
            fn drop(&mut self) {
                swap(self.0);
            }
        }
        #[cfg(feature = "tracing-spans")]
        let span = self.parent().and_then(Run::tracing_span).cloned();
        #[cfg(feature = "tracing-spans")]
        let _entered = span.as_ref().map(tracing::Span::enter);
        swap(self);
        let _reset = Reset(self);
        f()
    }
}

fn swap(context: &mut Context) {
    let _ = CURRENT.try_with(|current| *context = current.replace(std::mem::take(context)));
}
