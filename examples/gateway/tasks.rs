use std::{convert::Infallible, future::Future, time::Duration};

use hyper::rt::Executor;
use tokio::sync::{mpsc, watch};

/// Starts tasks that can all be dropped at once: the connections, and the streams that HTTP/2 runs in
/// tasks of their own.
#[derive(Clone)]
pub(crate) struct Tasks {
    dropped: watch::Receiver<bool>,
    running: mpsc::Sender<Infallible>,
}

/// The other side of [`Tasks`].
pub(crate) struct Running {
    drop: watch::Sender<bool>,
    running: mpsc::Receiver<Infallible>,
}

impl Tasks {
    pub(crate) fn new() -> (Self, Running) {
        let (drop, dropped) = watch::channel(false);
        let (sender, running) = mpsc::channel(1);
        (Self { dropped, running: sender }, Running { drop, running })
    }
}

impl<F> Executor<F> for Tasks
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, task: F) {
        let Self { mut dropped, running } = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = task => {}
                _ = dropped.wait_for(|dropped| *dropped) => {}
            }
            drop(running);
        });
    }
}

impl Running {
    /// Drops all tasks and waits until they are gone; one that does not yield is not waited for.
    pub(crate) async fn drop_all(mut self) {
        let _ = self.drop.send(true);
        let _ = tokio::time::timeout(Duration::from_secs(5), self.running.recv()).await;
    }
}
