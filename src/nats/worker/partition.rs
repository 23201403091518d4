use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use super::{
    WorkerConfig,
    consumer::Own,
    deliveries::{Delivered, Deliveries},
    floor::Floor,
    session::{Read, Session},
    stats::{Counters, count},
};
use crate::{
    callbacks::Callbacks,
    event::EventRecord,
    nats::Error,
    relay::{Relay, Relayed},
};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How many messages are read before others have their turn.
const TURN: usize = 64;
/// Further behind than this, a run's events may be among those that are yet to be read.
const NEAR: u64 = 1000;
/// How long everything must have been read before a run counts as silent: what publishers held back while the server
/// was away gets time to come.
const SETTLED: Duration = Duration::from_secs(60);

/// One partition, read and told.
pub(super) struct Partition {
    config: Arc<WorkerConfig>,
    number: u32,
    relay: Arc<Relay>,
    deliveries: Deliveries,
    floor: Floor,
    counters: Arc<Counters>,
    stop: watch::Receiver<bool>,
    own: Own,
    /// When the stream was made that the floor is in.
    created: Option<i128>,
    caught_up: Option<Instant>,
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
            caught_up: None,
        }
    }

    /// Works until it is stopped, over one connection after the other.
    pub(super) async fn run(mut self) -> Result<(), Error> {
        let mut pause = FIRST_PAUSE;
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
            pause = if self.floor.last() > before { FIRST_PAUSE } else { pause };
            if pause == FIRST_PAUSE {
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
            pause = (pause * 2).min(LONGEST_PAUSE);
            attempt += 1;
        }
    }

    async fn open(&mut self, attempt: usize) -> Result<Session, Error> {
        self.caught_up = None;
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
        self.caught_up = session.caught_up.then(Instant::now);
        self.floor.reconnected();
        count(&self.counters.connections);
        Ok(session)
    }

    async fn work(&mut self, mut session: Session) -> Result<(), Error> {
        let mut acks = interval(self.config.ack_every);
        acks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let look = (self.config.run_timeout / 4).clamp(Duration::from_millis(10), SETTLED);
        let mut looks = interval(look);
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

    fn read(&mut self, Read { message, at, pending }: Read) {
        self.caught_up = (pending <= NEAR).then(|| self.caught_up.unwrap_or_else(Instant::now));
        // What was read on an earlier connection comes again.
        if at > self.floor.last() {
            match EventRecord::from_json(&message.payload) {
                Ok(record) => {
                    let opened = record.kind().is_start() && self.floor.start(record.run_id, at);
                    if let Some(told) = self.deliveries.add(record, opened) {
                        self.told(&told);
                    }
                }
                Err(error) => {
                    count(&self.counters.invalid);
                    tracing::debug!(partition = self.number, at, "{error}");
                }
            }
        }
        if let Some(ack) = message.message.reply {
            self.floor.read(at, ack);
        }
    }

    fn told(&mut self, told: &Delivered) {
        let counters = &self.counters;
        count(match told.relayed {
            Relayed::Told => &counters.delivered,
            Relayed::Duplicate => &counters.duplicates,
            Relayed::NoStart => &counters.without_start,
        });
        // A start that was told before is of a run that has ended.
        let ended_before = told.opened && told.relayed == Relayed::Duplicate;
        if told.kind.is_terminal() || ended_before {
            self.floor.end(told.run_id);
        }
    }

    fn end_silent(&mut self) {
        let timeout = self.config.run_timeout;
        if self.caught_up.is_none_or(|since| since.elapsed() < timeout.min(SETTLED)) {
            return;
        }
        for run_id in self.relay.end_silent(timeout) {
            count(&self.counters.timed_out);
            self.floor.end(run_id);
        }
    }

    /// Waits until everything that was read is told.
    async fn finish(&mut self) {
        while self.deliveries.waiting() > 0 {
            let told = self.deliveries.next().await;
            self.told(&told);
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Nobody is left to stop it: it is about to be dropped.
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
