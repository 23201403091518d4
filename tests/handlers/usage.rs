//! `UsageTotals`: usage is added up, each run once, however it ends.

mod cached;
mod concurrency;
mod groups;
mod nested;
mod prices;
mod table;
mod terminals;
mod terminals_http;
mod windows;

use support::{call, read};
use tower::Layer;
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Delta, Usage,
    chat::ChatChunk,
    handlers::{UsageCounts, UsageTotals},
    testing::{Script, ScriptedModel},
};

/// A provider's usage report.
fn report(usage: Usage) -> ChatChunk {
    Delta::Usage { usage, raw: None }
}

/// An answer that completes, with a usage report.
fn used(input: u64, output: u64) -> Script {
    Script::new().respond().text("Hi").chunk(report(Usage::new(input, output))).complete("stop")
}

/// Sets the response model.
fn by(model: &str, script: Script) -> Script {
    script.chunk(Delta::Response { id: None, model: Some(model.to_owned().into()) })
}

/// A completed answer of a model.
fn answer_of(model: &str, input: u64, output: u64) -> Script {
    let script = by(model, Script::new().respond()).chunk(report(Usage::new(input, output)));
    script.complete("stop")
}

fn layer(totals: &UsageTotals) -> CallbackLayer {
    CallbackLayer::new(Callbacks::new().inline(totals.clone())).usage_estimator(support::pieces())
}

/// Makes a call and reads the answer.
async fn run(layer: &CallbackLayer, script: Script) {
    if let Ok(answer) = call(&mut layer.layer(ScriptedModel::new(script))).await {
        read(answer).await;
    }
}

/// Asserts that each run is counted as completed or as one error.
#[track_caller]
fn assert_adds_up(counts: &UsageCounts) {
    assert_eq!(counts.runs, counts.completed + counts.errors.total(), "{counts:?}");
}
