use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use serde::Serialize;

/// What is exported by OTLP, each to an endpoint of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Signal {
    Traces,
    Metrics,
    Logs,
}

impl Signal {
    const ALL: [Self; 3] = [Self::Traces, Self::Metrics, Self::Logs];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        }
    }

    /// Returns the signal whose endpoint has this path.
    pub(super) fn of_path(path: &str) -> Option<Self> {
        let last = path.rsplit('/').next();
        Self::ALL.into_iter().find(|signal| last == Some(signal.name()))
    }
}

/// The state of each signal of a receiver: an export of metrics that succeeds says nothing of traces.
#[derive(Debug, Default)]
pub(super) struct Signals([State; 3]);

#[derive(Debug, Default)]
struct State {
    failing: AtomicBool,
    failed: AtomicU64,
    lost: AtomicU64,
}

/// The state of a signal, for `/readyz`.
#[derive(Debug, Serialize)]
pub(super) struct SignalStatus {
    failing: bool,
    failed_exports: u64,
    /// Spans, or records of logs. Metrics are totals: the next export has them.
    lost: u64,
}

impl Signals {
    /// Counts an export. Returns whether it is the first that failed, or the first that succeeded.
    pub(super) fn exported(&self, signal: Signal, failed: bool) -> bool {
        let state = &self.0[signal as usize];
        if failed {
            state.failed.fetch_add(1, Ordering::Relaxed);
            metrics::counter!("gateway_otlp_failed_exports_total", "signal" => signal.name())
                .increment(1);
        }
        state.failing.swap(failed, Ordering::Relaxed) != failed
    }

    /// Counts what an export has lost.
    pub(super) fn lost(&self, signal: Signal, items: usize) {
        self.0[signal as usize].lost.fetch_add(items as u64, Ordering::Relaxed);
        metrics::counter!("gateway_otlp_lost_total", "signal" => signal.name())
            .increment(items as u64);
    }

    pub(super) fn are_failing(&self) -> bool {
        self.0.iter().any(|state| state.failing.load(Ordering::Relaxed))
    }

    pub(super) fn status(&self) -> BTreeMap<&'static str, SignalStatus> {
        let status = |signal: Signal| {
            let State { failing, failed, lost } = &self.0[signal as usize];
            let status = SignalStatus {
                failing: failing.load(Ordering::Relaxed),
                failed_exports: failed.load(Ordering::Relaxed),
                lost: lost.load(Ordering::Relaxed),
            };
            (signal.name(), status)
        };
        Signal::ALL.into_iter().map(status).collect()
    }
}
