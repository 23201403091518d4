use std::{
    collections::{HashMap, HashSet, VecDeque},
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{sync::Mutex as AsyncMutex, time::Instant};
use uuid::Uuid;

use super::remote::Remote;
use crate::{callbacks::Callbacks, event::EventRecord, sync::lock};

/// The number of ended runs that are remembered, to recognize their records when they come again.
const REMEMBERED: usize = 10_000;

/// Delivers [event records](EventRecord) of runs in another process to local handlers, so that a handler can run in
/// another process or on another machine without a change.
///
/// The records of a run must come in order, the start first. Records of different runs may be interleaved, and may be
/// delivered concurrently. A record that comes again is ignored. Handlers receive what they would receive beside the
/// call, with the original numbers and times: in order, each through its queue, with its deadline. A relayed run can
/// neither be aborted nor emit custom events, and its [`elapsed`](crate::Run::elapsed) time starts when its start record
/// is delivered.
///
/// ```
/// use tower_llm_callbacks::{Callbacks, on_llm_end, event::EventRecord, relay::Relay};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), tower_llm_callbacks::event::InvalidRecord> {
/// # let lines = "";
/// let callbacks = Callbacks::new().blocking(on_llm_end(|run, result| {
///     println!("{}: {} tokens", run.name(), result.tokens);
/// }));
/// let relay = Relay::new(callbacks);
/// for line in lines.lines() {
///     relay.deliver(EventRecord::from_json(line.as_bytes())?).await;
/// }
/// # Ok(()) }
/// ```
pub struct Relay {
    callbacks: Callbacks,
    runs: Mutex<Runs>,
}

#[derive(Default)]
struct Runs {
    open: HashMap<Uuid, Arc<AsyncMutex<Remote>>>,
    ended: HashSet<Uuid>,
    /// The ended runs, in the order in which they ended.
    order: VecDeque<Uuid>,
}

/// The outcome of [`Relay::deliver`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Relayed {
    /// The record was delivered.
    Delivered,
    /// The record was delivered before, and was ignored.
    Duplicate,
    /// The start of the record's run was not delivered: the record was ignored.
    NoStart,
}

impl Relay {
    /// Creates a relay to the handlers of a set.
    pub fn new(callbacks: Callbacks) -> Self {
        Self { callbacks, runs: Mutex::default() }
    }

    /// Delivers a record. Completes, for a start or an end, when every awaited handler has returned from it; for a token,
    /// when it is in the handlers' queues.
    ///
    /// If the future is dropped, the record may or may not have been delivered.
    pub async fn deliver(&self, record: EventRecord) -> Relayed {
        let (run_id, kind) = (record.run_id, record.kind());
        let remote = {
            let mut runs = lock(&self.runs);
            if runs.ended.contains(&run_id) {
                return Relayed::Duplicate;
            }
            match runs.open.get(&run_id) {
                Some(remote) => Arc::clone(remote),
                None if kind.is_start() => {
                    let remote = Remote::open(&record, &self.callbacks);
                    let remote = Arc::new(AsyncMutex::new(remote));
                    runs.open.insert(run_id, Arc::clone(&remote));
                    remote
                }
                None => return Relayed::NoStart,
            }
        };
        let mut remote = remote.lock().await;
        if remote.was_delivered(record.seq) {
            return Relayed::Duplicate;
        }
        remote.deliver(record).await;
        if kind.is_terminal() {
            let ended = lock(&self.runs).end(run_id);
            drop(ended);
        }
        Relayed::Delivered
    }

    /// Returns the number of runs that have started and not ended.
    pub fn open_runs(&self) -> usize {
        lock(&self.runs).open.len()
    }

    /// Ends the runs without a record for longer than a duration: handlers receive an error of kind
    /// [`Transport`](crate::ErrorKind::Transport). Returns the ids of those runs.
    pub fn end_silent(&self, for_longer_than: Duration) -> Vec<Uuid> {
        let Some(since) = Instant::now().checked_sub(for_longer_than) else { return Vec::new() };
        let mut runs = lock(&self.runs);
        let silent = |remote: &Arc<AsyncMutex<Remote>>| {
            // A locked run is receiving a record.
            remote.try_lock().is_ok_and(|remote| remote.is_silent_since(since))
        };
        let ids = runs.open.iter().filter(|(_, remote)| silent(remote)).map(|(id, _)| *id);
        let ids: Vec<_> = ids.collect();
        let ended: Vec<_> = ids.iter().map(|id| runs.end(*id)).collect();
        drop(runs);
        // Not under the lock: dropping them calls handlers.
        drop(ended);
        ids
    }
}

impl Runs {
    fn end(&mut self, run_id: Uuid) -> Option<Arc<AsyncMutex<Remote>>> {
        if self.ended.insert(run_id) {
            self.order.push_back(run_id);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ended.remove(&oldest);
        }
        self.open.remove(&run_id)
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("open_runs", &self.open_runs()).finish_non_exhaustive()
    }
}
