use std::{fmt, sync::Arc, time::Duration};

use async_nats::jetstream::Context;
use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};

use super::{
    PublishLosses, PublisherConfig, PublisherStats, outbox::Outbox, pump, queued::QueuedEvent,
};
use crate::{
    callbacks::Registration,
    handler::{AsyncCallbackHandler, BatchError, BatchEvent},
    nats::Error,
    run::Identity,
    sync::lock,
};

/// A handler that publishes each event's [record](crate::Event::record) to a stream of NATS JetStream: see the
/// [module](crate::nats).
///
/// The handler never waits: it puts the event into a [bounded buffer](PublisherConfig::buffer). A task sends the buffered
/// events in order, several at once. If the connection breaks, everything from the first unacknowledged event on is sent
/// again over a new one; the server recognizes duplicates by their `Nats-Msg-Id`, `{run_id}:{seq}`. Losses are counted,
/// and logged from time to time as a `tracing` warning.
///
/// Clones share one publisher, and count as one handler. Publishing stops when the last clone is dropped: call
/// [`flush`](Self::flush) before.
#[derive(Clone)]
pub struct Publisher(Arc<Tasks>);

/// Stops the tasks when the last clone is dropped.
struct Tasks {
    outbox: Arc<Outbox>,
    tasks: [JoinHandle<()>; 2],
}

impl Publisher {
    /// Connects, and creates the stream if it does not exist.
    ///
    /// # Errors
    ///
    /// Returns an error if the server cannot be reached, or the stream exists with another partitioning.
    ///
    /// # Panics
    ///
    /// Panics if it is not polled in a tokio runtime with I/O and timers.
    pub async fn connect(config: PublisherConfig) -> Result<Self, Error> {
        let outbox = Outbox::new(config);
        let context = pump::open(&outbox, 0).await?;
        Ok(Self::spawn(&outbox, Some(context)))
    }

    /// Starts without waiting for the connection. While the server cannot be reached, or the stream has another
    /// partitioning, the publisher buffers events and retries.
    ///
    /// # Panics
    ///
    /// Panics if it is not called in a tokio runtime with I/O and timers.
    #[must_use]
    pub fn start(config: PublisherConfig) -> Self {
        Self::spawn(&Outbox::new(config), None)
    }

    fn spawn(outbox: &Arc<Outbox>, connection: Option<Context>) -> Self {
        let pump = tokio::spawn(pump::run(Arc::clone(outbox), connection));
        let log = tokio::spawn(log_losses(Arc::clone(outbox)));
        Self(Arc::new(Tasks { outbox: Arc::clone(outbox), tasks: [pump, log] }))
    }

    /// Returns the registration of the handler: in the [background](Registration::background), with a queue of 4,096
    /// events for each run.
    pub fn handler(&self) -> Registration {
        Registration::async_handler(self.clone()).background().capacity(4096).name("nats")
    }

    /// Waits until the server has acknowledged every event that the handler received before the call, or the event was
    /// lost, but no longer than the deadline. Returns the number of events that are still unacknowledged.
    ///
    /// Call [`Callbacks::flush`](crate::Callbacks::flush) first, for events that are still in the handler's queues.
    pub async fn flush(&self, deadline: Duration) -> u64 {
        let target = lock(&self.0.outbox.buffer).unsettled().end;
        let mut settled = self.0.outbox.settled.subscribe();
        let _ = timeout(deadline, settled.wait_for(|first| *first >= target)).await;
        let first = *settled.borrow();
        target.saturating_sub(first)
    }

    /// Returns how many events were lost since the start, by reason.
    pub fn lost(&self) -> PublishLosses {
        self.stats().lost
    }

    /// Returns the publisher's counters.
    pub fn stats(&self) -> PublisherStats {
        lock(&self.0.outbox.buffer).stats()
    }
}

/// Logs new losses in intervals.
async fn log_losses(outbox: Arc<Outbox>) {
    let mut logged = PublishLosses::default();
    let mut ticks = interval(outbox.config.report);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let lost = *lock(&outbox.buffer).lost();
        if lost != logged {
            let new = lost.total() - logged.total();
            tracing::warn!("{new} events were not published; since the start: {lost}");
            logged = lost;
        }
    }
}

impl AsyncCallbackHandler for Publisher {
    fn identity(&self) -> Option<Identity> {
        Some(Identity::of(&self.0))
    }

    /// The task that sends is woken once for a batch.
    async fn on_events(&self, batch: &[BatchEvent<'_>]) -> Result<(), BatchError> {
        let queued = |BatchEvent { run, event, .. }: &BatchEvent<'_>| {
            let mut payload = Vec::new();
            let written = event.record(run).write_json(&mut payload);
            QueuedEvent {
                run_id: run.run_id(),
                seq: event.seq(),
                kind: event.kind(),
                run_type: run.run_type(),
                payload: if written.is_ok() { payload.into() } else { Default::default() },
            }
        };
        // Before the lock: reading a prompt takes time.
        let events: Vec<_> = batch.iter().map(queued).collect();
        self.0.outbox.push(events);
        Ok(())
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
