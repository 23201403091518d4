use std::{
    mem,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use tokio::{
    runtime::{Handle, Id},
    time::{Instant, sleep_until},
};

use crate::{
    delivery::{Dispatch, LaneRef},
    panics::catch,
    sync::lock,
};

/// The runtimes that are remembered although nothing waits there.
const REMEMBERED: usize = 16;

/// The lanes of an async handler whose events wait for those of others.
///
/// In each runtime one task waits for all of them, by that runtime's clock, while there are some. As for a
/// [blocking handler](super::gathering::Gathering), an event does not wait if the last ones came longer ago than the
/// linger.
pub(super) struct Linger {
    linger: Duration,
    windows: Mutex<Vec<Window>>,
}

/// What waits in a runtime.
struct Window {
    runtime: Id,
    lanes: Vec<Waiting>,
    /// The end of the linger after the last lanes.
    until: Instant,
    /// A task waits for that.
    is_timed: bool,
    /// The runtime has no timer, or has shut down.
    is_broken: bool,
}

/// A lane. Its task keeps the dispatch, as long as the runtime has it.
type Waiting = (Weak<Dispatch>, usize);

impl Linger {
    pub(super) fn new(linger: Duration) -> Self {
        Self { linger, windows: Mutex::default() }
    }

    /// Has the task of a lane woken when the linger is over.
    pub(super) fn gather(self: &Arc<Self>, LaneRef { dispatch, index }: &LaneRef) {
        let Some(runtime) = dispatch.lanes()[*index].runtime() else { return };
        let _entered = runtime.enter();
        let now = Instant::now();
        let mut windows = lock(&self.windows);
        let window = Window::of(runtime, &mut windows, now);
        if window.is_broken || (now >= window.until && window.lanes.is_empty()) {
            window.until = now + self.linger;
            drop(windows);
            return dispatch.hurry(*index);
        }
        window.lanes.push((Arc::downgrade(dispatch), *index));
        let is_timed = mem::replace(&mut window.is_timed, true);
        drop(windows);
        if !is_timed {
            let timer = Timer { linger: Arc::downgrade(self), runtime: runtime.id(), done: false };
            // `spawn` may panic while the runtime shuts down. That drops the timer too.
            drop(catch(|| runtime.spawn(timer.run())));
        }
    }

    fn change<T>(&self, runtime: Id, change: impl FnOnce(&mut Window) -> T) -> Option<T> {
        lock(&self.windows).iter_mut().find(|window| window.runtime == runtime).map(change)
    }

    /// Wakes the tasks of lanes that have waited. Returns false if none have: then nothing waits any more.
    fn end(&self, runtime: Id) -> bool {
        let lanes = self.change(runtime, |window| {
            window.is_timed = !window.lanes.is_empty();
            if window.is_timed {
                window.until = Instant::now() + self.linger;
            }
            mem::take(&mut window.lanes)
        });
        let lanes = lanes.unwrap_or_default();
        hurry(&lanes);
        !lanes.is_empty()
    }
}

fn hurry(lanes: &[Waiting]) {
    for (dispatch, index) in lanes {
        if let Some(dispatch) = dispatch.upgrade() {
            dispatch.hurry(*index);
        }
    }
}

impl Window {
    fn of<'a>(runtime: &Handle, windows: &'a mut Vec<Self>, now: Instant) -> &'a mut Self {
        let runtime = runtime.id();
        let place = windows.iter().position(|window| window.runtime == runtime);
        let place = place.unwrap_or_else(|| {
            if windows.len() >= REMEMBERED {
                windows.retain(|window| window.is_timed);
            }
            let (lanes, until) = (Vec::new(), now);
            windows.push(Self { runtime, lanes, until, is_timed: false, is_broken: false });
            windows.len() - 1
        });
        &mut windows[place]
    }
}

/// The task that waits in a runtime. Does not keep the handler alive.
struct Timer {
    linger: Weak<Linger>,
    runtime: Id,
    done: bool,
}

impl Timer {
    async fn run(mut self) {
        while let Some(until) = self.until() {
            sleep_until(until).await;
            if self.linger.upgrade().is_some_and(|linger| !linger.end(self.runtime)) {
                break;
            }
        }
        self.done = true;
    }

    fn until(&self) -> Option<Instant> {
        self.linger.upgrade()?.change(self.runtime, |window| window.until)
    }
}

/// The runtime has no timer, or shuts down: nothing waits for it.
impl Drop for Timer {
    fn drop(&mut self) {
        let Some(linger) = self.linger.upgrade().filter(|_| !self.done) else { return };
        let lanes = linger.change(self.runtime, |window| {
            window.is_broken = true;
            window.is_timed = false;
            mem::take(&mut window.lanes)
        });
        hurry(&lanes.unwrap_or_default());
    }
}
