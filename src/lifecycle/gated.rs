use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use pin_project_lite::pin_project;
use tower::BoxError;

use super::{
    account::Account,
    emitter::Emitter,
    gate::{Gate, Given, Held},
    source::{Reader, Source},
};
use crate::run::Scope;

pin_project! {
    /// A stream or body of a run.
    ///
    /// Dropped before its end, it drops the inner stream, inside the run, and then ends the run as cancelled.
    // `H` and `A` are parameters because a projection of `St` in a field would keep tasks from being `Send` where
    // `St` is boxed.
    pub(crate) struct Gated<St, Src: Reader<A>, H, A: Account> {
        #[pin]
        inner: Option<St>,
        part: Part<Src, H, A>,
    }

    impl<St, Src: Reader<A>, H, A: Account> PinnedDrop for Gated<St, Src, H, A> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            match this.part {
                Part::Unobserved => {}
                Part::Run(gate) => gate.emitter.enter(|| this.inner.set(None)),
                Part::Ended(scope) => scope.enter(|| this.inner.set(None)),
            }
        }
    }
}

/// The part of a stream that its consumer reads.
enum Part<Src: Reader<A>, H, A: Account> {
    /// No handler is notified.
    Unobserved,
    /// The run.
    Run(Gate<Src, H, A>),
    /// What follows the run. It passes unobserved, in the scope of the run.
    Ended(Scope),
}

impl<St, Src: Reader<A>, H, A: Account> Gated<St, Src, H, A> {
    /// A stream that no handler is notified of.
    pub(crate) fn unobserved(inner: Option<St>) -> Self {
        Self { inner, part: Part::Unobserved }
    }

    /// A stream of a run.
    pub(crate) fn new(inner: St, source: Src, emitter: Box<Emitter<A>>) -> Self {
        let gate = Gate { source, held: Held::Nothing, emitter };
        Self { inner: Some(inner), part: Part::Run(gate) }
    }

    pub(crate) fn is_observed(&self) -> bool {
        matches!(self.part, Part::Run(_))
    }

    /// Returns the inner stream. `None` after an abort.
    pub(crate) fn inner(&self) -> Option<&St> {
        self.inner.as_ref()
    }

    /// Returns the item that waits for handlers.
    pub(crate) fn held_item(&self) -> Option<&H> {
        match &self.part {
            Part::Run(Gate { held: Held::Item(item) | Held::Last(Some(Ok(item))), .. }) => {
                Some(item)
            }
            _ => None,
        }
    }

    pub(crate) fn poll_item<T>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<T, BoxError>>>
    where
        Src: Source<St, T, H, A>,
    {
        if let Part::Unobserved = self.part {
            return match self.project().inner.as_pin_mut() {
                Some(inner) => Src::poll(inner, cx),
                None => Poll::Ready(None),
            };
        }
        self.poll_observed(cx)
    }

    /// Apart, so that a stream without handlers does not pay for it.
    #[inline(never)]
    fn poll_observed<T>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<T, BoxError>>>
    where
        Src: Source<St, T, H, A>,
    {
        let mut this = self.project();
        let gate = match this.part {
            Part::Run(gate) => gate,
            Part::Ended(scope) => {
                let Some(inner) = this.inner.as_pin_mut() else { return Poll::Ready(None) };
                return scope.enter(|| Src::poll(inner, cx));
            }
            Part::Unobserved => return Poll::Ready(None),
        };
        match ready!(gate.poll_item(this.inner.as_mut(), cx)) {
            Given::Item(item) => Poll::Ready(Some(Ok(item))),
            Given::Last(item) => {
                let scope = gate.emitter.scope();
                *this.part = Part::Ended(scope);
                Poll::Ready(item)
            }
        }
    }
}

impl<St: Stream, Src: Reader<A>, H, A: Account> Gated<St, Src, H, A> {
    pub(crate) fn size_hint(&self) -> (usize, Option<usize>) {
        let mut held = 0;
        if let Part::Run(Gate { held: holds, emitter, .. }) = &self.part {
            match holds {
                // The inner stream has ended, and may return anything. After an abort there is its error.
                Held::Last(None) => {
                    let left = usize::from(emitter.phases.is_aborted());
                    return (left, Some(left));
                }
                Held::Nothing => {}
                Held::Item(_) | Held::Last(Some(_)) => held = 1,
            }
        }
        let (least, most) = self.inner.as_ref().map_or((0, Some(0)), Stream::size_hint);
        (least.saturating_add(held), most.and_then(|most| most.checked_add(held)))
    }
}
