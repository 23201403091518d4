use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::sync::lock;

/// When a handler that keeps failing is suspended, and when it is tried again.
///
/// A handler that misses its deadline or returns an error is detached from that run. If that happens in several runs in a
/// row, it is suspended: new runs start without it, at once. It is then probed with a run now and then, which does not
/// wait for it, and comes back with the first run that it gets through. The default is 3 runs, probed after 1 s, then after
/// twice as long each time, up to 60 s. A probe that has no event for the handler shows nothing: then the next
/// run is a probe. So is another run if a probe takes longer than the next pause would.
///
/// ```
/// use std::time::Duration;
/// use tower_llm_callbacks::{Registration, callbacks::Suspension, on_llm_end};
///
/// let audit = on_llm_end(|run, result| println!("{}: {} tokens", run.run_id(), result.tokens));
/// let patient = Suspension::after(10).probe(Duration::from_secs(5), Duration::from_secs(300));
/// let audit = Registration::blocking(audit).suspension(patient);
/// let never = audit.suspension(None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "give it to `Registration::suspension`"]
pub struct Suspension {
    runs: u32,
    first: Duration,
    longest: Duration,
}

impl Default for Suspension {
    fn default() -> Self {
        Self::after(3)
    }
}

impl Suspension {
    /// Suspends a handler that was detached from so many runs in a row.
    ///
    /// # Panics
    ///
    /// If the number is 0.
    pub fn after(runs: u32) -> Self {
        assert!(runs > 0, "a handler must fail at least once before it is suspended");
        Self { runs, first: Duration::from_secs(1), longest: Duration::from_secs(60) }
    }

    /// Sets after how long a suspended handler is probed first. The time doubles with each probe that fails, up to the
    /// longest.
    pub fn probe(self, first: Duration, longest: Duration) -> Self {
        Self { first, longest: longest.max(first), ..self }
    }
}

/// Whether a handler is suspended, over all its runs.
pub(crate) struct SuspensionState {
    settings: Option<Suspension>,
    /// The state is not `Active` without failures. Readable without the lock.
    troubled: AtomicBool,
    state: Mutex<State>,
    skipped: AtomicU64,
}

#[derive(Clone, Copy)]
enum State {
    Active {
        failed_in_a_row: u32,
    },
    Suspended {
        until: Instant,
        pause: Duration,
    },
    /// A run has the handler, to see whether it works. If nothing is known by then, another run gets it.
    Probing {
        until: Instant,
        pause: Duration,
    },
}

/// Whether a new run has a handler.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    Normal,
    /// Nothing waits for the handler in this run.
    Probe,
    Suspended,
}

const HEALTHY: State = State::Active { failed_in_a_row: 0 };

impl SuspensionState {
    pub(crate) fn new(settings: Option<Suspension>) -> Self {
        let state = Mutex::new(HEALTHY);
        Self { settings, troubled: AtomicBool::new(false), state, skipped: AtomicU64::new(0) }
    }

    /// Whether the handler has failed since its last success.
    #[inline]
    pub(crate) fn is_troubled(&self) -> bool {
        self.troubled.load(Ordering::Relaxed)
    }

    /// A run is starting.
    #[inline]
    pub(crate) fn admit(&self) -> Admission {
        if self.is_troubled() { self.admit_troubled() } else { Admission::Normal }
    }

    fn admit_troubled(&self) -> Admission {
        let mut state = lock(&self.state);
        match *state {
            State::Active { .. } => Admission::Normal,
            State::Suspended { until, pause } if Instant::now() >= until => {
                *state = self.probing(pause);
                Admission::Probe
            }
            State::Probing { until, pause } if Instant::now() >= until => {
                *state = self.probing(self.longer(pause));
                Admission::Probe
            }
            State::Suspended { .. } | State::Probing { .. } => {
                self.skipped.fetch_add(1, Ordering::Relaxed);
                Admission::Suspended
            }
        }
    }

    fn longer(&self, pause: Duration) -> Duration {
        pause.saturating_mul(2).min(self.settings.map_or(pause, |settings| settings.longest))
    }

    fn probing(&self, pause: Duration) -> State {
        State::Probing { until: after(self.longer(pause)), pause }
    }

    /// The handler got through a run.
    #[inline]
    pub(crate) fn succeeded(&self) {
        if self.is_troubled() {
            let mut state = lock(&self.state);
            *state = HEALTHY;
            self.troubled.store(false, Ordering::Relaxed);
        }
    }

    /// The handler failed in a run. Returns true if it is suspended because of that.
    pub(crate) fn failed(&self) -> bool {
        let Some(settings) = self.settings else { return false };
        let mut state = lock(&self.state);
        self.troubled.store(true, Ordering::Relaxed);
        if let State::Active { failed_in_a_row } = &mut *state {
            *failed_in_a_row += 1;
            if *failed_in_a_row >= settings.runs {
                *state = suspended(settings.first);
                return true;
            }
        }
        false
    }

    /// The probe has ended. If that was no success, the next one waits longer.
    pub(crate) fn probe_failed(&self) {
        let mut state = lock(&self.state);
        if let State::Probing { pause, .. } = *state {
            *state = suspended(self.longer(pause));
        }
    }

    /// The probe has ended without an event for the handler. The next run is the probe.
    pub(crate) fn probe_showed_nothing(&self) {
        let mut state = lock(&self.state);
        if let State::Probing { pause, .. } = *state {
            *state = State::Suspended { until: Instant::now(), pause };
        }
    }

    pub(crate) fn is_suspended(&self) -> bool {
        !matches!(*lock(&self.state), State::Active { .. })
    }

    /// Returns how many runs have started without the handler.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }
}

fn suspended(pause: Duration) -> State {
    State::Suspended { until: after(pause), pause }
}

fn after(pause: Duration) -> Instant {
    let now = Instant::now();
    // A pause that cannot be represented is for ever; a year will do.
    now.checked_add(pause).unwrap_or(now + Duration::from_secs(86_400 * 365))
}
