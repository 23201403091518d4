//! Enters the runtimes of runs on the threads of handlers, as long as they are there.

use std::{
    collections::HashMap,
    future::pending,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::runtime::{EnterGuard, Handle, Id};

use crate::{panics::catch, sync::lock};

/// The runtimes that a thread has entered, and whether each was shut down since.
#[derive(Default)]
pub(super) struct Runtimes {
    gone: HashMap<Id, Arc<AtomicBool>>,
    /// The last one again, since most threads know one runtime.
    last: Option<(Id, Arc<AtomicBool>)>,
}

/// What is remembered of runtimes, so that a thread that has seen many of them holds little.
const REMEMBERED: usize = 16;

impl Runtimes {
    /// Enters a runtime, unless it was shut down.
    pub(super) fn enter<'a>(&mut self, runtime: &'a Handle) -> Option<EnterGuard<'a>> {
        let id = runtime.id();
        let is_gone = match &self.last {
            Some((last, gone)) if *last == id => gone.load(Ordering::Acquire),
            _ => self.look_up(id, runtime),
        };
        (!is_gone).then(|| runtime.enter())
    }

    /// Whether the runtime that was entered last was shut down since. A call that is dropped (`is_cancelled`) may be dropped
    /// with its runtime, which is asked then.
    #[inline]
    pub(super) fn must_leave(&self, runtime: Option<&Handle>, is_cancelled: bool) -> bool {
        self.last.as_ref().is_some_and(|(_, gone)| gone.load(Ordering::Acquire))
            || is_cancelled && runtime.is_some_and(is_closed)
    }

    /// Returns whether a runtime was shut down.
    fn look_up(&mut self, id: Id, runtime: &Handle) -> bool {
        if self.gone.len() >= REMEMBERED {
            self.gone.retain(|_, gone| !gone.load(Ordering::Acquire));
            self.gone.shrink_to(REMEMBERED);
        }
        let gone = self.gone.entry(id).or_insert_with(|| gone(runtime));
        self.last = Some((id, Arc::clone(gone)));
        gone.load(Ordering::Acquire)
    }
}

/// Whether a runtime does not accept tasks any more. Slower than [`Runtimes::enter`], and exact: a runtime that shuts
/// down first refuses new tasks and then drops those it has.
fn is_closed(runtime: &Handle) -> bool {
    let refused = catch(|| {
        let task = runtime.spawn(pending::<()>());
        let refused = task.is_finished();
        task.abort();
        refused
    });
    refused.unwrap_or(true)
}

/// Returns the flag that is set when a runtime is shut down. One task of each runtime watches for that.
fn gone(runtime: &Handle) -> Arc<AtomicBool> {
    static RUNTIMES: OnceLock<Mutex<HashMap<Id, Arc<AtomicBool>>>> = OnceLock::new();
    struct Sentinel(Id, Arc<AtomicBool>);
    impl Drop for Sentinel {
        fn drop(&mut self) {
            self.1.store(true, Ordering::Release);
            if let Some(runtimes) = RUNTIMES.get() {
                lock(runtimes).remove(&self.0);
            }
        }
    }
    let id = runtime.id();
    let runtimes = RUNTIMES.get_or_init(Mutex::default);
    if let Some(gone) = lock(runtimes).get(&id) {
        return Arc::clone(gone);
    }
    let gone = Arc::new(AtomicBool::new(false));
    lock(runtimes).insert(id, Arc::clone(&gone));
    let sentinel = Sentinel(id, Arc::clone(&gone));
    // Without the lock: a runtime that was shut down drops the task at once. Of two threads that come here together, each
    // has a task, and both flags are right.
    let _ = catch(|| {
        runtime.spawn(async move {
            let _sentinel = sentinel;
            pending::<()>().await;
        })
    });
    gone
}
