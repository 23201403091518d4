//! Work on threads, and the clock of a test.

use std::{
    future::pending,
    sync::mpsc::{Sender, channel},
    time::Instant,
};

use tokio::{
    runtime::{Handle, RuntimeFlavor},
    task::AbortHandle,
};

use crate::panics::catch;

/// Keeps a paused clock from advancing by itself.
///
/// A runtime whose clock is paused advances it when all its tasks wait. A task that waits for a handler on a thread looks
/// like that, and every timeout would expire at once. A blocking task of the runtime keeps the clock from advancing; here
/// it does nothing but wait for this value to be dropped, or for the runtime to shut down.
pub(crate) struct PausedClock {
    release: Sender<()>,
    task: AbortHandle,
}

impl PausedClock {
    /// Holds the clock of the current runtime, if that is paused.
    pub(crate) fn hold() -> Option<Self> {
        let runtime = Self::current()?;
        let (release, released) = channel();
        let at_shutdown = ReleaseOnDrop(release.clone());
        // `spawn` panics while the runtime shuts down.
        let task = catch(|| {
            let task = runtime.spawn(async move {
                let _at_shutdown = at_shutdown;
                pending::<()>().await;
            });
            drop(runtime.spawn_blocking(move || released.recv()));
            task.abort_handle()
        });
        Some(Self { release, task: task.ok()? })
    }
}

impl PausedClock {
    /// Returns the current runtime, if its clock is paused.
    pub(crate) fn current() -> Option<Handle> {
        Handle::try_current().ok().filter(Self::is_of)
    }

    /// Whether the clock of a runtime is paused.
    pub(crate) fn is_of(runtime: &Handle) -> bool {
        // The clock of another flavor cannot be paused.
        runtime.runtime_flavor() == RuntimeFlavor::CurrentThread && {
            let _entered = runtime.enter();
            is_paused()
        }
    }
}

impl Drop for PausedClock {
    fn drop(&mut self) {
        let _ = self.release.send(());
        self.task.abort();
    }
}

struct ReleaseOnDrop(Sender<()>);

impl Drop for ReleaseOnDrop {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

/// Whether the clock of the current runtime stands still, or differs from that of the system.
///
/// Either alone may be wrong: a paused clock that was advanced shows the system's time now and then, all the more if this thread
/// waits for a processor between two steps; and another thread may advance it between them.
fn is_paused() -> bool {
    let now = || tokio::time::Instant::now().into_std();
    let first = now();
    let before = Instant::now();
    while Instant::now() == before {}
    let second = now();
    first == second || !(before..=Instant::now()).contains(&second)
}

// Under `cfg(loom)` tokio is built without its test utilities.
#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_paused_clock_may_show_the_time_of_the_system() {
        for ahead in (0..60_000).step_by(10) {
            let now = tokio::time::Instant::now().into_std();
            let behind = Instant::now().saturating_duration_since(now);
            tokio::time::advance(behind + std::time::Duration::from_nanos(ahead)).await;
            assert!(is_paused(), "{ahead} ns ahead");
        }
    }

    #[tokio::test]
    async fn the_clock_of_the_system_is_not_paused() {
        assert!((0..2_000).all(|_| !is_paused()));
    }
}
