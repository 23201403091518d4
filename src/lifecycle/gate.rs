use std::{
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use pin_project_lite::pin_project;
use tower::BoxError;

use super::{
    account::Account,
    emitter::Emitter,
    source::{Position, Reader, Source},
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

/// The one polling loop of the crate. It holds what must wait for handlers.
struct Gate<Src: Reader<A>, H, A: Account> {
    source: Src,
    held: Held<H>,
    emitter: Box<Emitter<A>>,
}

/// What waits for handlers before the consumer gets it.
enum Held<H> {
    Nothing,
    /// An item waits for lockstep handlers.
    Item(H),
    /// The last thing that the run covers waits for the terminal event: an item, an error, or the end.
    Last(Option<Result<H, BoxError>>),
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

impl<Src: Reader<A>, H, A: Account> Drop for Gate<Src, H, A> {
    fn drop(&mut self) {
        if !self.emitter.phases.is_aborted() {
            self.emitter.note_consumer();
            self.source.dropped(&mut self.emitter);
        }
    }
}

/// What the consumer gets.
enum Given<T> {
    Item(T),
    /// The run has ended.
    Last(Option<Result<T, BoxError>>),
}

impl<Src: Reader<A>, H, A: Account> Gate<Src, H, A> {
    fn poll_item<St, T>(
        &mut self,
        mut inner: Pin<&mut Option<St>>,
        cx: &mut Context<'_>,
    ) -> Poll<Given<T>>
    where
        Src: Source<St, T, H, A>,
    {
        let Self { source, held, emitter } = self;
        loop {
            match held {
                Held::Nothing => {}
                Held::Item(_) => {
                    ready!(emitter.poll_lockstep(cx));
                    // An item on which a guard aborts does not reach the consumer.
                    if let Held::Item(item) = mem::replace(held, Held::Nothing)
                        && !emitter.phases.is_aborted()
                    {
                        return Poll::Ready(Given::Item(Src::release(item)));
                    }
                }
                Held::Last(last) => {
                    if emitter.phases.is_aborted() {
                        // At once, whatever handlers are still to be waited for.
                        emitter.enter(|| inner.set(None));
                    }
                    ready!(emitter.poll_end(cx));
                    let last = match emitter.take_aborted() {
                        Some(aborted) => {
                            emitter.enter(|| inner.set(None));
                            Some(Err(aborted.into()))
                        }
                        None => last.take().map(|last| last.map(Src::release)),
                    };
                    return Poll::Ready(Given::Last(last));
                }
            }

            if emitter.phases.is_aborted() {
                *held = Held::Last(None);
                continue;
            }
            emitter.note_consumer();
            let over = emitter.is_over();
            if over || emitter.phases.awaits() {
                if over {
                    // What follows the end of the answer passes unobserved, while the terminal event is handled.
                    let _ = emitter.poll_end(cx);
                } else {
                    ready!(emitter.poll_room(cx));
                }
                if emitter.phases.is_aborted() {
                    continue;
                }
            }

            let Some(stream) = inner.as_mut().as_pin_mut() else {
                return Poll::Ready(Given::Last(None));
            };
            let item = match emitter.poll_stream(|| Src::poll(stream, cx)) {
                Poll::Ready(item) => item,
                Poll::Pending if over || !emitter.phases.watch_for_abort(cx) => {
                    return Poll::Pending;
                }
                Poll::Pending => continue,
            };
            match item {
                Some(Ok(item)) => {
                    let Some(stream) = inner.as_ref().as_pin_ref() else { continue };
                    let is_last = source.item(&item, stream, emitter) == Position::Last;
                    // Checked before the terminal event is emitted: an item waits for its tokens only.
                    let busy = !over && emitter.phases.must_hold_item();
                    // Checked after that, which runs lockstep handlers. An item on which a guard has aborted is held
                    // too, and does not reach the consumer.
                    let waits = is_last || busy || emitter.phases.is_aborted();
                    if emitter.is_over() {
                        emitter.leave_terminal();
                    }
                    let item = match if waits { Src::hold(item) } else { Err(item) } {
                        Ok(item) if is_last => {
                            *held = Held::Last(Some(Ok(item)));
                            continue;
                        }
                        Ok(item) => {
                            *held = Held::Item(item);
                            continue;
                        }
                        Err(item) => item,
                    };
                    return Poll::Ready(Given::Item(item));
                }
                Some(Err(error)) => {
                    source.error(&error, emitter);
                    *held = Held::Last(Some(Err(error)));
                }
                None => {
                    source.end(emitter);
                    *held = Held::Last(None);
                }
            }
        }
    }
}
