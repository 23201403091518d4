use std::sync::Arc;

use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use super::{
    WorkerConfig,
    caught_up::CaughtUp,
    consumer::Own,
    deliveries::Deliveries,
    floor::Floor,
    session::Session,
    stats::{Counters, count},
};
use crate::{
    callbacks::Callbacks,
    nats::{Error, pause::Pause},
    relay::Relay,
};

/// How many messages are read before others have their turn.
const TURN: usize = 64;
/// One partition, read and told.
pub(super) struct Partition {
    pub(super) config: Arc<WorkerConfig>,
    pub(super) number: u32,
    pub(super) relay: Arc<Relay>,
    pub(super) deliveries: Deliveries,
    pub(super) floor: Floor,
    pub(super) counters: Arc<Counters>,
    stop: watch::Receiver<bool>,
    own: Own,
    /// When the stream was made that the floor is in.
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
            own: Own::new(),
            created: None,
            caught_up: CaughtUp::default(),
        }
    }

    /// Works until it is stopped, over one connection after the other.
    pub(super) async fn run(mut self) -> Result<(), Error> {
        let mut pauses = Pause::new();
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
            if matches!(error, Error::TakenOver { .. }) {
                self.finish().await;
                return Err(error);
            }
            let (pause, first) = pauses.after(self.floor.last() > before);
            if first {
                tracing::warn!(partition = self.number, "reading is interrupted: {error}");
            }
            let wake = Instant::now() + pause;
            while Instant::now() < wake {
                tokio::select! {
                    told = self.deliveries.next() => self.told(&told),
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
        self.caught_up.read(session.pending);
        self.floor.reconnected();
        count(&self.counters.connections);
        Ok(session)
    }

    async fn work(&mut self, mut session: Session) -> Result<(), Error> {
        let mut acks = interval(self.config.ack_every);
        acks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looks = interval(CaughtUp::look_every(self.config.run_timeout));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let has_room = self.deliveries.waiting() < self.config.ahead;
            tokio::select! {
                told = self.deliveries.next() => self.told(&told),
                read = session.next(), if has_room => {
                    self.read(read?);
                    for _ in 1..TURN {
                        if self.deliveries.waiting() >= self.config.ahead {
                            break;
                        }
                        let Some(read) = session.try_next() else { break };
                        self.read(read?);
                    }
                }
                _ = acks.tick() => {
                    if let Some(ack) = self.floor.acknowledge() {
                        session.acknowledge(ack).await;
                    }
                }
                _ = looks.tick() => self.end_silent(),
                () = stopped(&mut self.stop) => {
                    self.finish().await;
                    return match self.floor.acknowledge() {
                        Some(ack) => session.acknowledge_surely(ack).await,
                        None => Ok(()),
                    };
                }
            }
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Nobody is left to stop it: it is about to be dropped.
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
