use std::{sync::Arc, time::Instant};

use metrics::{Counter, Gauge, Histogram, Label};

use crate::{handler::Open, run::Run};

/// The state of a run in flight.
pub(super) struct Live {
    pub(super) labels: Vec<Label>,
    pub(super) in_flight: Gauge,
    /// `None` for chains, tools and retrievers.
    pub(super) tokens: Option<TokenTimer>,
}

/// Counts a run's token events and measures the time between them.
pub(super) struct TokenTimer {
    metrics: Arc<TokenMetrics>,
    last: Option<Instant>,
}

/// Kept for the run, so that a token needs no lookup by labels.
struct TokenMetrics {
    count: Counter,
    interval: Histogram,
}

impl TokenTimer {
    pub(super) fn new(count: Counter, interval: Histogram) -> Self {
        Self { metrics: Arc::new(TokenMetrics { count, interval }), last: None }
    }
}

/// Records a token event of a run.
pub(super) fn record_token(open: &Open<Live>, run: &Run) {
    let now = Instant::now();
    let found = open.with(run.run_id(), |live| {
        let TokenTimer { metrics, last } = live.tokens.as_mut()?;
        Some((Arc::clone(metrics), last.replace(now)))
    });
    // Not under the lock: the recorder is user code.
    if let Some((metrics, last)) = found.flatten() {
        metrics.count.increment(1);
        if let Some(last) = last {
            metrics.interval.record(now.saturating_duration_since(last));
        }
    }
}
