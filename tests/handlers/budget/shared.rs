//! `SharedBudgetGuard`: budgets of several processes, here guards, in one store that fails in all ways.

mod reached;
mod schedules;
pub(super) mod store;
mod unreachable;

use std::time::Duration;

use support::PATIENCE;
use tower::Layer;
use tower_llm_callbacks::{
    CallbackLayer, Callbacks,
    handlers::{BudgetGuard, SharedBudgetGuard, SharedBudgets},
    layer::CallbackService,
    testing::{Script, ScriptedModel},
};

use self::store::Reach;

const LEASE: Duration = Duration::from_secs(60);

pub(super) fn budgets(reach: &Reach) -> SharedBudgets {
    SharedBudgets::new("test", reach.clone()).lease(LEASE)
}

/// A process with a budget of so many tokens.
fn process(tokens: u64, reach: &Reach) -> SharedBudgetGuard {
    let guard = BudgetGuard::builder().usage_estimator(support::pieces()).tokens(tokens);
    guard.build_shared(budgets(reach))
}

pub(super) fn layer(guard: &SharedBudgetGuard) -> CallbackLayer {
    CallbackLayer::new(Callbacks::new().add(guard.handler())).usage_estimator(support::pieces())
}

fn model(guard: &SharedBudgetGuard, script: Script) -> CallbackService<ScriptedModel> {
    layer(guard).layer(ScriptedModel::new(script))
}

async fn flushed(guard: &SharedBudgetGuard) {
    // The end of a call that was dropped comes by a task.
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(guard.flush(PATIENCE).await, 0);
}
