use std::{convert::Infallible, future::Future, time::Duration};

use hyper::rt::Executor;
use tokio::sync::{mpsc, watch};

/// Spawns tasks that can be dropped together: the connections, and the tasks of their HTTP/2 streams.
#[derive(Clone)]
pub(crate) struct Tasks {
    dropped: watch::Receiver<bool>,
    running: mpsc::Sender<Infallible>,
}

/// A handle that drops the tasks spawned by [`Tasks`].
pub(crate) struct RunningTasks {
    drop: watch::Sender<bool>,
    running: mpsc::Receiver<Infallible>,
}

impl Tasks {
    pub(crate) fn new() -> (Self, RunningTasks) {
        let (drop, dropped) = watch::channel(false);
        let (sender, running) = mpsc::channel(1);
        (Self { dropped, running: sender }, RunningTasks { drop, running })
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

impl RunningTasks {
    /// Drops all tasks and waits until they are gone, for at most five seconds: a task may not yield.
    pub(crate) async fn drop_all(mut self) {
        let _ = self.drop.send(true);
        let _ = tokio::time::timeout(Duration::from_secs(5), self.running.recv()).await;
    }
}
