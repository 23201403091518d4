use std::{fmt, sync::Arc};

use futures_util::future::select_all;
use tokio::{sync::watch, task::JoinHandle};

use super::{WorkerConfig, WorkerStats, partition::Partition, stats::Counters};
use crate::{
    callbacks::Callbacks,
    nats::{Error, link},
};

/// Reads a stream's events and tells [`Callbacks`] of them: see the [module](crate::nats).
///
/// Handlers are told as beside the call: one run's events one after the other, different runs at once, with each
/// handler's queue and deadline. What is told to the end is acknowledged; so add handlers whose events must not be
/// missed as awaited ones, which is what they are by default, and not as background ones. A slow handler holds up
/// its run, and, when [many events](WorkerConfig::read_ahead) wait, the runs of its partition.
///
/// When the connection breaks, it makes another one and goes on. When it is dropped, its runs that are open are
/// ended with an error of kind [`Transport`](crate::ErrorKind::Transport); the next worker tells them again.
pub struct Worker {
    counters: Arc<Counters>,
    stop: watch::Sender<bool>,
    partitions: Vec<JoinHandle<Result<(), Error>>>,
}

impl Worker {
    /// Connects, creates the stream where it is not there, and begins where the last worker of its group and number
    /// was.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached now, or the stream is another than is configured.
    pub async fn connect(config: WorkerConfig, callbacks: Callbacks) -> Result<Self, Error> {
        let context = link::connect(&config.stream, 0).await?;
        config.stream.open(&context).await?;
        Ok(Self::start(config, callbacks))
    }

    /// The same without waiting: while the server is not there, or its stream is another than is configured, it
    /// tries again.
    ///
    /// # Panics
    ///
    /// If it is not called in a tokio runtime with I/O and timers.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "as `connect`")]
    pub fn start(config: WorkerConfig, callbacks: Callbacks) -> Self {
        let config = Arc::new(config);
        let counters = Arc::new(Counters::default());
        let (stop, stopping) = watch::channel(false);
        let partitions = config.partitions().map(|number| {
            let partition = Partition::new(&config, number, &callbacks, &counters, &stopping);
            tokio::spawn(partition.run())
        });
        Self { counters: Arc::clone(&counters), stop, partitions: partitions.collect() }
    }

    /// What it has read.
    pub fn stats(&self) -> WorkerStats {
        self.counters.read()
    }

    /// Reads no more, waits until what was read is told, and acknowledges it. Runs that have not ended are ended
    /// here, as when it is dropped; [flush](Callbacks::flush) the callbacks after it.
    ///
    /// # Errors
    ///
    /// If the server could not be told how far it is, or a partition was taken over: the next worker begins
    /// earlier.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.stop.send_replace(true);
        let mut outcome = Ok(());
        for partition in std::mem::take(&mut self.partitions) {
            let ended = partition.await.unwrap_or(Err(Error::Disconnected));
            outcome = outcome.and(ended);
        }
        outcome
    }

    /// Ready when a partition is read no more, since [another worker](Error::TakenOver) reads it. Dropped before,
    /// nothing is lost.
    pub async fn taken_over(&mut self) -> Error {
        while !self.partitions.is_empty() {
            let (ended, at, _) = select_all(&mut self.partitions).await;
            drop(self.partitions.swap_remove(at));
            if let Ok(Err(error)) = ended {
                return error;
            }
        }
        std::future::pending().await
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        for partition in &self.partitions {
            partition.abort();
        }
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
