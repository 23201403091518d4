use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::join_all;
use tokio::time::{Instant, sleep};

use super::Destination;

/// How long calls may go on with a sink of settings before.
const LONGEST: Duration = Duration::from_secs(3600);

/// The most of them. Beyond it, the oldest is closed whoever uses it.
const MOST: usize = 16;

/// How often it is seen whether the last call has ended.
const INTERVAL: Duration = Duration::from_millis(250);

/// How long it may take to close one.
const CLOSE: Duration = Duration::from_secs(10);

/// Where calls in flight send events by settings before. Each is closed when the last of its calls has ended.
#[derive(Clone, Default)]
pub(crate) struct Former(Arc<Mutex<Vec<Arc<Destination>>>>);

impl Former {
    /// Must be called in a runtime.
    pub(super) fn add(&self, destination: Arc<Destination>) {
        self.all().push(Arc::clone(&destination));
        let former = self.clone();
        tokio::spawn(async move {
            let until = Instant::now() + LONGEST;
            while destination.is_used() && !former.is_beyond(&destination) && Instant::now() < until
            {
                sleep(INTERVAL).await;
            }
            destination.close(CLOSE).await;
            former.remove(&destination);
        });
    }

    /// Closes all.
    pub(crate) async fn close(&self, deadline: Duration) {
        let all = std::mem::take(&mut *self.all());
        join_all(all.iter().map(|it| it.close(deadline))).await;
    }

    fn is_beyond(&self, destination: &Arc<Destination>) -> bool {
        let all = self.all();
        let at = all.iter().position(|it| Arc::ptr_eq(it, destination));
        at.is_none_or(|at| at + MOST < all.len())
    }

    fn remove(&self, destination: &Arc<Destination>) {
        self.all().retain(|it| !Arc::ptr_eq(it, destination));
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<Destination>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
