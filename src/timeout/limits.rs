use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

use super::StreamTimedOut;

/// The limits of a layer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limits {
    pub(super) first: Option<Duration>,
    pub(super) between: Option<Duration>,
}

/// The limit that counts at the moment.
pub(super) struct Timer {
    limits: Limits,
    /// Created when it is needed first.
    sleep: Option<Pin<Box<Sleep>>>,
    began: bool,
    /// When the limit ends. `None` if it has not begun to count, or does not.
    until: Option<Instant>,
}

impl Limits {
    /// Begins the time to the first item.
    pub(super) fn start(self) -> Timer {
        Timer { limits: self, sleep: None, began: false, until: self.first.and_then(after) }
    }
}

impl Timer {
    /// An item has come. The pause after it counts from when the consumer waits for the next one.
    pub(super) fn item(&mut self) {
        self.began = true;
        self.until = None;
    }

    /// Waits until the limit is exceeded. Called while there is no item.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<StreamTimedOut> {
        let limit = if self.began { self.limits.between } else { self.limits.first };
        let Some(limit) = limit else { return Poll::Pending };
        if self.began && self.until.is_none() {
            self.until = after(limit);
        }
        let Some(until) = self.until else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if sleep.deadline() != until {
            sleep.as_mut().reset(until);
        }
        sleep.as_mut().poll(cx).map(|()| StreamTimedOut::new(self.began, limit))
    }
}

/// Returns when a limit that begins now ends. `None` if that cannot be represented.
fn after(limit: Duration) -> Option<Instant> {
    Instant::now().checked_add(limit)
}
