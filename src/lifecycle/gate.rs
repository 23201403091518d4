use std::{
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tower::BoxError;

use super::{
    account::Account,
    clock::CallClock,
    emitter::Emitter,
    source::{Position, Reader, Source},
};

/// The one polling loop of the crate. It holds what must wait for handlers.
pub(super) struct Gate<Src: Reader<A>, H, A: Account> {
    pub(super) source: Src,
    pub(super) held: Held<H>,
    pub(super) emitter: Box<Emitter<A>>,
}

/// What waits for handlers before the consumer gets it.
pub(super) enum Held<H> {
    Nothing,
    /// An item waits for lockstep handlers.
    Item(H),
    /// The last thing that the run covers waits for the terminal event: an item, an error, or the end.
    Last(Option<Result<H, BoxError>>),
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
pub(super) enum Given<T> {
    Item(T),
    /// The run has ended.
    Last(Option<Result<T, BoxError>>),
}

impl<Src: Reader<A>, H, A: Account> Gate<Src, H, A> {
    pub(super) fn poll_item<St, T>(
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
            let held_up = emitter.clock.release(emitter.phases.run());
            let item = match emitter.enter(|| Src::poll(stream, cx)) {
                Poll::Ready(item) => {
                    CallClock::subtract(emitter.run(), held_up);
                    item
                }
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
