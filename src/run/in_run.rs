use std::{fmt, future::Future, pin::Pin, task, task::Poll};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::{Run, Scope};

pin_project! {
    /// A future, stream or closure that runs inside a run, wherever it is polled or called.
    ///
    /// Created by the methods of [`InCurrentRun`].
    #[must_use = "futures and streams do nothing unless polled, closures unless called"]
    pub struct InRun<T> {
        #[pin]
        inner: T,
        scope: Scope,
    }
}

impl<T> InRun<T> {
    pub(crate) fn new(inner: T, scope: Scope) -> Self {
        Self { inner, scope }
    }

    /// Calls a closure inside the run.
    pub fn call<R>(self) -> R
    where
        T: FnOnce() -> R,
    {
        let Self { inner, mut scope } = self;
        scope.enter(inner)
    }
}

impl<T: Future> Future for InRun<T> {
    type Output = T::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let inner = this.inner;
        this.scope.enter(|| inner.poll(cx))
    }
}

impl<T: Stream> Stream for InRun<T> {
    type Item = T::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        let inner = this.inner;
        this.scope.enter(|| inner.poll_next(cx))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.size_hint()
    }
}

impl<T: fmt::Debug> fmt::Debug for InRun<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InRun").field("inner", &self.inner).finish_non_exhaustive()
    }
}

/// Carries the current run into spawned tasks and other threads, where it does not follow by itself.
///
/// ```
/// use tower_llm_callbacks::InCurrentRun;
///
/// # async fn work() {}
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// tokio::spawn(work().in_current_run()).await.unwrap();
///
/// let count = (|| 1 + 1).in_current_run();
/// let count = tokio::task::spawn_blocking(|| count.call()).await.unwrap();
/// # assert_eq!(count, 2);
/// # }
/// ```
pub trait InCurrentRun: Sized {
    /// Wraps a future, stream or closure so that the run that is current now is also current in each poll or
    /// in the call, with its request-time configuration.
    fn in_current_run(self) -> InRun<Self> {
        InRun::new(self, Scope::current())
    }

    /// Wraps a future, stream or closure so that a given run is current in each poll or in the call.
    fn in_run(self, run: &Run) -> InRun<Self> {
        InRun::new(self, Scope::of(run))
    }
}

impl<T> InCurrentRun for T {}
