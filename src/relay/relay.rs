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

/// How many runs that have ended are remembered, to know their records when they come again.
const REMEMBERED: usize = 10_000;

/// Tells handlers here of runs that are somewhere else, by their [event records](EventRecord): so that a handler
/// runs in another process, or on another machine, without a change.
///
/// Of each run the records have to come in order, the start first; those of different runs may come mixed, and be
/// delivered at the same time. A record that was told before is passed over, so that they may come more than
/// once. Handlers hear what they would hear beside the call, with the numbers and times that the events have:
/// in order, each in its queue, with its deadline. The run cannot be aborted from here, nor emitted through, and
/// its [`elapsed`](crate::Run::elapsed) counts from when its start came here.
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
    /// The same, in the order in which they ended.
    order: VecDeque<Uuid>,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Relayed {
    /// It was told.
    Told,
    /// It was told before.
    Duplicate,
    /// It is of a run whose start has not come: nobody was told.
    NoStart,
}

impl Relay {
    /// A relay to the handlers of a set.
    pub fn new(callbacks: Callbacks) -> Self {
        Self { callbacks, runs: Mutex::default() }
    }

    /// Tells a record. Ready when it is told; of a start and an end, when every awaited handler has returned
    /// from it; of a token, when there is room in their queues.
    ///
    /// Dropped before, the record may have been told or not.
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
        if remote.has_told(record.seq) {
            return Relayed::Duplicate;
        }
        remote.tell(record).await;
        if kind.is_terminal() {
            let ended = lock(&self.runs).end(run_id);
            drop(ended);
        }
        Relayed::Told
    }

    /// How many runs have started here and not ended.
    pub fn open_runs(&self) -> usize {
        lock(&self.runs).open.len()
    }

    /// Ends runs of which nothing came for so long: their handlers hear of an error of kind
    /// [`Transport`](crate::ErrorKind::Transport). Gives their ids.
    pub fn end_silent(&self, for_longer_than: Duration) -> Vec<Uuid> {
        let Some(then) = Instant::now().checked_sub(for_longer_than) else { return Vec::new() };
        let mut runs = lock(&self.runs);
        let silent = |remote: &Arc<AsyncMutex<Remote>>| {
            // One that is being told something is not silent.
            remote.try_lock().is_ok_and(|remote| remote.is_silent_since(then))
        };
        let ids = runs.open.iter().filter(|(_, remote)| silent(remote)).map(|(id, _)| *id);
        let ids: Vec<_> = ids.collect();
        let ended: Vec<_> = ids.iter().map(|id| runs.end(*id)).collect();
        drop(runs);
        // Not under the lock: it tells handlers.
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
