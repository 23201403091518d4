use std::{fmt, sync::Arc};

use futures_util::future::select_all;
use tokio::{sync::watch, task::JoinHandle};

use super::{WorkerConfig, WorkerStats, partition::Partition, stats::Counters};
use crate::{
    callbacks::Callbacks,
    nats::{Error, link},
};

/// Reads a stream and delivers its events to [`Callbacks`]: see the [module](crate::nats).
///
/// Handlers behave as they do beside the call: they receive one run's events in order and different runs concurrently,
/// each with its queue and deadline. Finished runs are acknowledged. So add handlers that must not miss events with an
/// awaited delivery, which is the default, not in the background. A slow handler delays its run and, if
/// [many events](WorkerConfig::read_ahead) are waiting, the other runs of the partition.
///
/// If the connection breaks, the worker reconnects and continues. If the worker is dropped, its open runs end with an
/// error of kind [`Transport`](crate::ErrorKind::Transport); the next worker delivers them again.
pub struct Worker {
    counters: Arc<Counters>,
    stop: watch::Sender<bool>,
    partitions: Vec<JoinHandle<Result<(), Error>>>,
}

impl Worker {
    /// Connects, creates the stream if it does not exist, and continues where the last worker of the same group and index
    /// stopped.
    ///
    /// # Errors
    ///
    /// Returns an error if the server cannot be reached, or the stream exists with another partitioning.
    pub async fn connect(config: WorkerConfig, callbacks: Callbacks) -> Result<Self, Error> {
        let context = link::connect(&config.stream, 0).await?;
        config.stream.open(&context).await?;
        Ok(Self::start(config, callbacks))
    }

    /// Starts without waiting for the connection. While the server cannot be reached, or the stream has another
    /// partitioning, the worker retries.
    ///
    /// # Panics
    ///
    /// Panics if it is not called in a tokio runtime with I/O and timers.
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

    /// Returns the worker's counters.
    pub fn stats(&self) -> WorkerStats {
        self.counters.read()
    }

    /// Stops reading, waits until everything that was read is delivered, and acknowledges it. Open runs are ended as if
    /// the worker were dropped. [Flush](Callbacks::flush) the callbacks afterwards.
    ///
    /// # Errors
    ///
    /// Returns an error if the acknowledgement failed or a partition was taken over. The next worker then delivers some
    /// events again.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.stop.send_replace(true);
        let mut outcome = Ok(());
        for partition in std::mem::take(&mut self.partitions) {
            let ended = partition.await.unwrap_or_else(|_| Err(Error::disconnected()));
            outcome = outcome.and(ended);
        }
        outcome
    }

    /// Waits until another worker [takes a partition over](Error::is_taken_over), and returns that error. The future can
    /// be dropped at any time.
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
