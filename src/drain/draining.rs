use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::time::{Sleep, sleep};

use super::{
    drains::{End, Ticket},
    unread::Unread,
};
use crate::{
    panics::catch,
    run::{Consumer, Scope},
};

/// The task that reads an answer to its end, within the limits.
pub(super) struct Draining {
    unread: Option<Box<dyn Unread>>,
    consumer: Consumer,
    scope: Scope,
    /// `None` before the first poll.
    sleep: Option<Pin<Box<Sleep>>>,
    /// The bytes or items that may still be read.
    left: u64,
    ticket: Ticket,
}

/// How many items are read before other tasks have a turn.
const AT_ONCE: usize = 32;

impl Draining {
    pub(super) fn new(
        unread: Box<dyn Unread>,
        ticket: Ticket,
        consumer: Consumer,
        scope: Scope,
    ) -> Self {
        let left = ticket.drains.limits.size;
        Self { unread: Some(unread), consumer, scope, sleep: None, left, ticket }
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let Self { unread: Some(unread), consumer, scope, sleep: timer, left, ticket } = self
        else {
            unreachable!("a task is not polled after its end")
        };
        let timer = match timer {
            Some(timer) => timer,
            None => {
                // It panics in a runtime without a timer. Without a limit nothing is drained.
                let limit = ticket.drains.limits.time;
                let Ok(new) = catch(|| Box::pin(sleep(limit))) else {
                    return Poll::Ready(End::WithoutRuntime);
                };
                // Only here: if this is never polled, the call ends as one that is dropped.
                consumer.leave();
                timer.insert(new)
            }
        };
        if timer.as_mut().poll(cx).is_ready() {
            return Poll::Ready(End::TimedOut);
        }
        for _ in 0..AT_ONCE {
            let Some(size) = ready!(scope.enter(|| unread.poll_read(cx))) else {
                return Poll::Ready(End::Finished);
            };
            match left.checked_sub(size) {
                Some(rest) => *left = rest,
                None => return Poll::Ready(End::TooLarge),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Future for Draining {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let end = catch(|| this.poll_end(cx)).unwrap_or(Poll::Ready(End::Panicked));
        this.ticket.end = ready!(end);
        Poll::Ready(())
    }
}

impl Drop for Draining {
    fn drop(&mut self) {
        let unread = self.unread.take();
        // The service's code. A task may be dropped where a panic ends the process.
        let _ = catch(|| self.scope.enter(|| drop(unread)));
    }
}
