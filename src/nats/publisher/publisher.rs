use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};

use super::{
    PublishLosses, PublisherConfig, PublisherStats,
    buffer::Buffer,
    item::{Item, Settled},
    pump,
};
use crate::{
    callbacks::Registration, event::Event, handler::AsyncCallbackHandler, nats::Error, run::Run,
    sync::lock,
};

/// A handler that publishes each event's [record](Event::record) to a stream of NATS JetStream: see the
/// [module](crate::nats).
///
/// It never waits: an event is put into a [bounded buffer](PublisherConfig::buffer), and a task sends what is in
/// there, in order, with several on their way at once. What is not acknowledged when the connection breaks is sent
/// again, from the first on, over a new one; the server knows by its `Nats-Msg-Id`, `{run_id}:{seq}`, what it has.
/// Losses are counted, and logged now and then as a warning of `tracing`.
///
/// Clones are one publisher, and count as one handler. When the last is dropped, it stops: [`flush`](Self::flush)
/// before.
#[derive(Clone)]
pub struct Publisher(Arc<Tasks>);

pub(super) struct Shared {
    pub(super) config: PublisherConfig,
    pub(super) buffer: Mutex<Buffer>,
    /// There is something to send again.
    pub(super) wake: Notify,
    /// The number of the first event that is not settled.
    settled: watch::Sender<u64>,
}

/// What ends with the last clone.
struct Tasks {
    shared: Arc<Shared>,
    tasks: [JoinHandle<()>; 2],
}

impl Publisher {
    /// Connects, and creates the stream where it is not there.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached now, or the stream is another than is configured.
    ///
    /// # Panics
    ///
    /// If it is not polled in a tokio runtime with I/O and timers, as [`start`](Self::start).
    pub async fn connect(config: PublisherConfig) -> Result<Self, Error> {
        let shared = Shared::new(config);
        let context = pump::open(&shared, 0).await?;
        Ok(Self::spawn(&shared, Some(context)))
    }

    /// The same without waiting: while the server is not there, or its stream is another than is configured,
    /// events are buffered, and it tries again.
    ///
    /// # Panics
    ///
    /// If it is not called in a tokio runtime with I/O and timers.
    #[must_use]
    pub fn start(config: PublisherConfig) -> Self {
        Self::spawn(&Shared::new(config), None)
    }

    fn spawn(shared: &Arc<Shared>, connected: Option<async_nats::jetstream::Context>) -> Self {
        let pump = tokio::spawn(pump::run(Arc::clone(shared), connected));
        let report = tokio::spawn(report(Arc::clone(shared)));
        Self(Arc::new(Tasks { shared: Arc::clone(shared), tasks: [pump, report] }))
    }

    /// It as a [background](Registration::background) handler, whose queue of a run has 4,096 events.
    pub fn handler(&self) -> Registration {
        Registration::async_handler(self.clone()).background().capacity(4096).name("nats")
    }

    /// Waits until the server has acknowledged every event that it was told before, or they are lost, but no
    /// longer than the deadline. How many are not there by then.
    ///
    /// Call [`Callbacks::flush`](crate::Callbacks::flush) before, for what is still in its handler's queues.
    pub async fn flush(&self, deadline: Duration) -> u64 {
        let target = lock(&self.0.shared.buffer).unsettled().end;
        let mut settled = self.0.shared.settled.subscribe();
        let _ = timeout(deadline, settled.wait_for(|first| *first >= target)).await;
        let first = *settled.borrow();
        target.saturating_sub(first)
    }

    /// The events that were lost, ever, and why.
    pub fn lost(&self) -> PublishLosses {
        self.stats().lost
    }

    /// How it is doing.
    pub fn stats(&self) -> PublisherStats {
        lock(&self.0.shared.buffer).stats()
    }
}

impl Shared {
    fn new(config: PublisherConfig) -> Arc<Self> {
        let buffer = Mutex::new(Buffer::new(config.events, config.bytes));
        Arc::new(Self { config, buffer, wake: Notify::new(), settled: watch::Sender::new(0) })
    }

    fn push(&self, item: Item) {
        let mut buffer = lock(&self.buffer);
        buffer.push(item);
        let idle = std::mem::take(&mut buffer.idle);
        drop(buffer);
        if idle {
            self.wake.notify_one();
        }
    }

    pub(super) fn take(&self, most: usize, into: &mut VecDeque<(u64, Item)>) {
        let mut buffer = lock(&self.buffer);
        buffer.take(most, into);
        let first = buffer.unsettled().start;
        drop(buffer);
        // Some may have been lost meanwhile.
        self.settled.send_if_modified(|told| std::mem::replace(told, first) != first);
    }

    pub(super) fn settle(&self, settled: &mut Vec<(u64, Settled)>) {
        let mut buffer = lock(&self.buffer);
        for (number, settled) in settled.drain(..) {
            buffer.settle(number, settled);
        }
        let first = buffer.unsettled().start;
        drop(buffer);
        self.settled.send_replace(first);
    }
}

/// Logs losses.
async fn report(shared: Arc<Shared>) {
    let mut told = PublishLosses::default();
    let mut ticks = interval(shared.config.report);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let lost = *lock(&shared.buffer).lost();
        if lost != told {
            let more = lost.total() - told.total();
            tracing::warn!("{more} events were not published; since the start, {lost}");
            told = lost;
        }
    }
}

impl AsyncCallbackHandler for Publisher {
    fn identity(&self) -> Option<usize> {
        Some(Arc::as_ptr(&self.0).addr())
    }

    async fn on_event(&self, run: &Run, event: &Event) {
        let shared = &self.0.shared;
        match serde_json::to_vec(&event.record(run)) {
            Ok(payload) => shared.push(Item {
                run_id: run.run_id(),
                seq: event.seq(),
                kind: event.kind(),
                run_type: run.run_type(),
                payload: payload.into(),
            }),
            Err(_) => lock(&shared.buffer).unwritable(run.run_id(), event.kind()),
        }
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
