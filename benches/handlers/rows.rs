//! The rows of the table, one function each.

use std::time::Duration;

use tower_llm_callbacks::{
    Callbacks,
    handlers::{BudgetGuard, BudgetGuardBuilder, PriceTable, UsageTotals},
};

use crate::work::{IgnoreEnds, IgnoreTokens, answers, runtime};
use harness::{Bound, Row, compare};

const ROUNDS: usize = 15;

pub(crate) fn all(scale: usize, wanted: &dyn Fn(&str) -> bool) -> Vec<bool> {
    type Measure = Box<dyn Fn() -> bool>;
    let tokens = 200_000 / scale;
    let runs = 20_000 / scale;
    let rows: Vec<(&str, Measure)> = vec![
        ("usage tokens", Box::new(move || usage_tokens(tokens))),
        ("usage runs", Box::new(move || usage_runs(runs))),
        ("budget tokens", Box::new(move || budget_tokens(tokens))),
        ("budget running", Box::new(move || budget_running(tokens))),
        ("budget runs", Box::new(move || budget_runs(runs))),
    ];
    let rows = rows.into_iter().filter(|(name, _)| wanted(name));
    let mut met: Vec<_> = rows.map(|(_, measure)| measure()).collect();
    if wanted("estimates") {
        met.extend(crate::estimates::rows(scale));
    }
    if wanted("otel") {
        met.extend(crate::otel::rows(scale));
    }
    if wanted("full") {
        met.extend(crate::full::rows(scale));
    }
    met
}

fn prices() -> PriceTable {
    let json = r#"{"currency": "USD", "models": {
        "gpt-5*": {"input": 1.25, "output": 10, "cache_read": 0.125},
        "claude-*": {"input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75}
    }}"#;
    json.parse().expect("a valid table")
}

fn totals() -> UsageTotals {
    let hour = Duration::from_secs(3600);
    UsageTotals::builder().by_model().by_metadata("user").window(hour).prices(prices()).build()
}

fn usage_tokens(tokens: usize) -> bool {
    let row = Row {
        name: "`UsageTotals` by model and user, with windows and prices, a token",
        baseline: "a handler that ignores starts and ends",
        bound: Bound::ratio(1.05),
    };
    let runtime = runtime();
    let baseline = || answers(&runtime, Callbacks::new().inline(IgnoreEnds), 1, tokens);
    let subject = || answers(&runtime, Callbacks::new().inline(totals()), 1, tokens);
    compare(&row, ROUNDS, baseline, subject)
}

fn usage_runs(runs: usize) -> bool {
    let row = Row {
        name: "the same, a run without tokens",
        baseline: "a handler that ignores starts and ends",
        bound: Bound { ratio: 1.25, more_ns: 1_500.0 },
    };
    let runtime = runtime();
    let baseline = || answers(&runtime, Callbacks::new().inline(IgnoreEnds), runs, 0);
    let subject = || answers(&runtime, Callbacks::new().inline(totals()), runs, 0);
    compare(&row, ROUNDS, baseline, subject)
}

fn guard() -> BudgetGuardBuilder {
    let hour = Duration::from_secs(3600);
    BudgetGuard::builder().tokens(u64::MAX).per_metadata("user").every(hour).prices(prices())
}

fn budget_tokens(tokens: usize) -> bool {
    let row = Row {
        name: "`BudgetGuard` with a limit for each run, a token",
        baseline: "a handler that ignores tokens",
        bound: Bound { ratio: 1.05, more_ns: 2.0 },
    };
    let runtime = runtime();
    let guard = || guard().max_run_tokens(1_000_000_000).build();
    let baseline = || answers(&runtime, Callbacks::new().inline(IgnoreTokens), 1, tokens);
    let subject = || answers(&runtime, Callbacks::new().inline(guard()), 1, tokens);
    compare(&row, ROUNDS, baseline, subject)
}

fn budget_running(tokens: usize) -> bool {
    let row = Row {
        name: "`BudgetGuard` that aborts running calls, a token",
        baseline: "a handler that ignores tokens",
        bound: Bound { ratio: 1.05, more_ns: 250.0 },
    };
    let runtime = runtime();
    let guard = || guard().reserve(0).abort_running().build();
    let baseline = || answers(&runtime, Callbacks::new().inline(IgnoreTokens), 1, tokens);
    let subject = || answers(&runtime, Callbacks::new().inline(guard()), 1, tokens);
    compare(&row, ROUNDS, baseline, subject)
}

fn budget_runs(runs: usize) -> bool {
    let row = Row {
        name: "`BudgetGuard` without a limit for each run, a run without tokens",
        baseline: "a handler that ignores starts and ends",
        bound: Bound { ratio: 1.25, more_ns: 1_500.0 },
    };
    let runtime = runtime();
    let baseline = || answers(&runtime, Callbacks::new().inline(IgnoreEnds), runs, 0);
    let subject = || answers(&runtime, Callbacks::new().inline(guard().build()), runs, 0);
    compare(&row, ROUNDS, baseline, subject)
}
