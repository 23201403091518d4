use std::{error::Error as _, sync::Arc};

use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use super::{
    WorkerConfig,
    caught_up::CaughtUp,
    consumer::OwnConsumers,
    deliveries::Deliveries,
    floor::Floor,
    session::Session,
    stats::{Counters, count},
};
use crate::{
    callbacks::Callbacks,
    nats::{Error, backoff::Backoff},
    relay::Relay,
};

/// The number of messages that are read before other work has its turn.
const TURN: usize = 64;

/// The reader of one partition.
pub(super) struct Partition {
    pub(super) config: Arc<WorkerConfig>,
    pub(super) number: u32,
    pub(super) relay: Arc<Relay>,
    pub(super) deliveries: Deliveries,
    pub(super) floor: Floor,
    pub(super) counters: Arc<Counters>,
    stop: watch::Receiver<bool>,
    own: OwnConsumers,
    /// The creation time of the stream that the floor refers to.
    created: Option<i128>,
    pub(super) caught_up: CaughtUp,
}

impl Partition {
    pub(super) fn new(
        config: &Arc<WorkerConfig>,
        number: u32,
        callbacks: &Callbacks,
        counters: &Arc<Counters>,
        stop: &watch::Receiver<bool>,
    ) -> Self {
        let relay = Arc::new(Relay::new(callbacks.clone()));
        Self {
            config: Arc::clone(config),
            number,
            deliveries: Deliveries::new(Arc::clone(&relay)),
            relay,
            floor: Floor::default(),
            counters: Arc::clone(counters),
            stop: stop.clone(),
            own: OwnConsumers::new(),
            created: None,
            caught_up: CaughtUp::default(),
        }
    }

    /// Reads until it is stopped, over one connection after the other.
    pub(super) async fn run(mut self) -> Result<(), Error> {
        let mut backoff = Backoff::new();
        let mut attempt = 0;
        loop {
            let before = self.floor.last();
            let error = match self.open(attempt).await {
                Ok(session) => match self.work(session).await {
                    Ok(()) => return Ok(()),
                    Err(error) => error,
                },
                Err(error) => error,
            };
            if error.is_taken_over() {
                self.finish().await;
                return Err(error);
            }
            let (pause, first) = backoff.next(self.floor.last() > before);
            if first {
                let source = error.source().map(tracing::field::display);
                tracing::warn!(partition = self.number, source, "reading is interrupted: {error}");
            }
            let wake = Instant::now() + pause;
            while Instant::now() < wake {
                tokio::select! {
                    delivered = self.deliveries.next() => self.delivered(&delivered),
                    () = sleep(wake - Instant::now()) => {}
                    () = stopped(&mut self.stop) => {
                        self.finish().await;
                        return Ok(());
                    }
                }
            }
            attempt += 1;
        }
    }

    async fn open(&mut self, attempt: usize) -> Result<Session, Error> {
        self.caught_up = CaughtUp::default();
        let known = self.created;
        let floor = &mut self.floor;
        let done = |created, last_sequence| {
            if known.is_some_and(|known| known != created) || last_sequence < floor.last() {
                floor.reset();
            }
            floor.done()
        };
        let own = &mut self.own;
        let session = Session::open(&self.config, self.number, attempt, own, done).await?;
        self.created = Some(session.created);
        self.caught_up.received(session.pending);
        self.floor.reconnected();
        count(&self.counters.connections);
        Ok(session)
    }

    async fn work(&mut self, mut session: Session) -> Result<(), Error> {
        let mut acks = interval(self.config.ack_every);
        acks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut checks = interval(CaughtUp::check_interval(self.config.run_timeout));
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let has_room = self.deliveries.waiting() < self.config.ahead;
            tokio::select! {
                delivered = self.deliveries.next() => self.delivered(&delivered),
                received = session.next(), if has_room => {
                    self.receive(received?);
                    for _ in 1..TURN {
                        if self.deliveries.waiting() >= self.config.ahead {
                            break;
                        }
                        let Some(received) = session.try_next() else { break };
                        self.receive(received?);
                    }
                }
                _ = acks.tick() => {
                    if let Some(ack) = self.floor.acknowledge() {
                        session.acknowledge(ack).await;
                    }
                }
                _ = checks.tick() => self.end_silent(),
                () = stopped(&mut self.stop) => {
                    self.finish().await;
                    return match self.floor.acknowledge() {
                        Some(ack) => session.acknowledge_confirmed(ack).await,
                        None => Ok(()),
                    };
                }
            }
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // The worker was dropped, and aborts this task.
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
