use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, atomic::AtomicUsize, atomic::Ordering},
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use tokio::time::{Sleep, sleep};
use tower::BoxError;

use super::script::{ScriptedFailure, Step};
use crate::chat::ChatChunk;

/// The response stream of a [`ScriptedModel`](super::ScriptedModel).
#[derive(Debug)]
pub struct ScriptedStream(Player);

impl ScriptedStream {
    pub(crate) fn new(player: Player) -> Self {
        Self(player)
    }
}

impl Stream for ScriptedStream {
    type Item = Result<ChatChunk, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

/// Plays the steps of a script.
#[derive(Debug)]
pub(crate) struct Player {
    steps: Arc<Vec<Step>>,
    next: usize,
    sleep: Option<Pin<Box<Sleep>>>,
    yielded: bool,
    live: Live,
}

/// Counts a call while it is alive.
#[derive(Debug)]
pub(crate) struct Live(Arc<AtomicUsize>);

impl Live {
    pub(crate) fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Player {
    pub(crate) fn new(steps: Arc<Vec<Step>>, live: Live) -> Self {
        Self { steps, next: 0, sleep: None, yielded: false, live }
    }

    /// Continues the call with other steps.
    pub(crate) fn then(self, steps: Arc<Vec<Step>>) -> Self {
        Self::new(steps, self.live)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = &self.steps[self.next.min(self.steps.len())..];
        let items =
            left.iter().filter(|step| matches!(step, Step::Chunk(_) | Step::Error(_))).count();
        (items, Some(items))
    }

    /// Polls for the next chunk or error; `None` at the end of the steps.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<ChatChunk, BoxError>>> {
        loop {
            if let Some(sleep) = &mut self.sleep {
                ready!(sleep.as_mut().poll(cx));
                self.sleep = None;
                self.next += 1;
            }
            let Some(step) = self.steps.get(self.next) else { return Poll::Ready(None) };
            match step {
                Step::Pause(duration) => {
                    self.sleep = Some(Box::pin(sleep(*duration)));
                    continue;
                }
                Step::Yield if !self.yielded => {
                    self.yielded = true;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Step::Yield => self.yielded = false,
                Step::Hang => return Poll::Pending,
                Step::Panic => panic!("scripted panic"),
                Step::Chunk(chunk) => {
                    let chunk = chunk.clone();
                    self.next += 1;
                    return Poll::Ready(Some(Ok(chunk)));
                }
                Step::Error(failure) => {
                    let error = failure.error();
                    self.next += 1;
                    return Poll::Ready(Some(Err(error)));
                }
            }
            self.next += 1;
        }
    }
}

impl ScriptedFailure {
    fn error(&self) -> BoxError {
        match self {
            ScriptedFailure::Transport(message) => io::Error::other(message.to_string()).into(),
            ScriptedFailure::Provider(error) => error.clone().into(),
        }
    }
}
