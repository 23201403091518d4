use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Consecutive time windows of equal length.
///
/// Windows follow a monotonic clock: setting the system clock back does not repeat a window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows {
    pub(super) length: Duration,
    origin: Instant,
    /// The time between the start of the first window and the origin.
    offset: Duration,
    /// The start of the first window.
    first: SystemTime,
    /// Whether windows start at multiples of their length, in every process.
    pub(super) aligned: bool,
}

impl Windows {
    /// Creates windows, the first of which starts now.
    pub(super) fn new(length: Duration) -> Self {
        assert!(!length.is_zero(), "`length` of a window must be greater than zero");
        let (origin, first) = (Instant::now(), SystemTime::now());
        Self { length, origin, offset: Duration::ZERO, first, aligned: false }
    }

    /// Creates windows that start at multiples of their length since 1970, UTC.
    pub(super) fn aligned(length: Duration) -> Self {
        let mut windows = Self::new(length);
        let time = windows.first.duration_since(UNIX_EPOCH).unwrap_or_default();
        windows.offset = remainder(time, length);
        windows.aligned = true;
        windows.first = windows.first.checked_sub(windows.offset).unwrap_or(windows.first);
        windows
    }

    /// Returns the number of the current window, which never decreases.
    pub(super) fn now(&self) -> u64 {
        let elapsed = Instant::now().saturating_duration_since(self.origin);
        let nanos = elapsed.saturating_add(self.offset).as_nanos() / self.length.as_nanos();
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }

    /// Returns the time to the next window.
    pub(super) fn until_next(&self) -> Duration {
        let elapsed = Instant::now().saturating_duration_since(self.origin);
        let past = remainder(elapsed.saturating_add(self.offset), self.length);
        self.length.saturating_sub(past)
    }

    /// Returns the start of a window.
    pub(super) fn start(&self, number: u64) -> SystemTime {
        let nanos = self.length.as_nanos().saturating_mul(u128::from(number));
        let since = u64::try_from(nanos / 1_000_000_000)
            .ok()
            .map(|seconds| Duration::new(seconds, (nanos % 1_000_000_000) as u32));
        since.and_then(|since| self.first.checked_add(since)).unwrap_or(self.first)
    }
}

fn remainder(time: Duration, length: Duration) -> Duration {
    let nanos = time.as_nanos() % length.as_nanos();
    Duration::new((nanos / 1_000_000_000) as u64, (nanos % 1_000_000_000) as u32)
}
