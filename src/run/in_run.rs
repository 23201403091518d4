use std::{fmt, future::Future, pin::Pin, task, task::Poll};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::{Run, Scope};

pin_project! {
    /// A future, stream or closure that runs inside a run, wherever it is polled or called.
    ///
    /// Created by the methods of [`InCurrentRun`].
    ///
    /// It is also dropped inside the run.
    #[must_use = "futures and streams do nothing unless polled, closures unless called"]
    pub struct InRun<T> {
        // `None` once a closure was called.
        #[pin]
        inner: Option<T>,
        scope: Scope,
    }

    impl<T> PinnedDrop for InRun<T> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            this.scope.enter(|| this.inner.set(None));
        }
    }
}

impl<T> InRun<T> {
    pub(crate) fn new(inner: T, scope: Scope) -> Self {
        Self { inner: Some(inner), scope }
    }

    /// Calls a closure inside the run.
    pub fn call<R>(mut self) -> R
    where
        T: FnOnce() -> R,
    {
        let Some(inner) = self.inner.take() else { unreachable!("this consumes the closure") };
        self.scope.enter(inner)
    }
}

impl<T: Future> Future for InRun<T> {
    type Output = T::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(inner) = this.inner.as_pin_mut() else { unreachable!("only a call takes it") };
        this.scope.enter(|| inner.poll(cx))
    }
}

impl<T: Stream> Stream for InRun<T> {
    type Item = T::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        let Some(inner) = this.inner.as_pin_mut() else { return Poll::Ready(None) };
        this.scope.enter(|| inner.poll_next(cx))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.as_ref().map_or((0, Some(0)), Stream::size_hint)
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
        InRun::new(self, Scope::within(run))
    }
}

impl<T> InCurrentRun for T {}
