//! `BudgetGuard`: no more is let in than there is, what is used is settled, and nothing is lost or settled twice.

#[path = "handlers_budget/concurrency.rs"]
mod concurrency;
#[path = "handlers_budget/gateway.rs"]
mod gateway;
mod http_support;
#[path = "handlers_budget/keys.rs"]
mod keys;
#[path = "handlers_budget/midway.rs"]
mod midway;
#[path = "handlers_budget/money.rs"]
mod money;
#[path = "handlers_budget/running.rs"]
mod running;
#[path = "handlers_budget/settling.rs"]
mod settling;
mod support;

use futures::Stream;
use http::StatusCode;
use support::PATIENCE;
use tokio::time::timeout;
use tower::{BoxError, Layer, Service};
use tower_llm_callbacks::{
    Aborted, CallbackLayer, Callbacks, Delta, Usage,
    chat::{ChatChunk, ChatRequest},
    handlers::{BudgetGuard, BudgetKey},
    layer::CallbackService,
    testing::{Script, ScriptedModel},
};

fn report(input: u64, output: u64) -> ChatChunk {
    Delta::Usage { usage: Usage::new(input, output), raw: None }
}

/// An answer that completes, with a report.
fn used(input: u64, output: u64) -> Script {
    Script::new().respond().text("Hi").chunk(report(input, output)).complete("stop")
}

fn layer(guard: &BudgetGuard) -> CallbackLayer {
    CallbackLayer::new(Callbacks::new().inline(guard.clone()))
}

fn model(guard: &BudgetGuard, script: Script) -> (ScriptedModel, CallbackService<ScriptedModel>) {
    let model = ScriptedModel::new(script);
    (model.clone(), layer(guard).layer(model))
}

/// A request whose answer may have so many tokens.
fn asking(max_tokens: u32) -> ChatRequest {
    ChatRequest::new("any").user("Hi").max_tokens(max_tokens)
}

/// Reads up to the end. One that should be aborted, and is not, may hang.
async fn read<S>(stream: S) -> (Vec<ChatChunk>, Option<BoxError>)
where
    S: Stream<Item = Result<ChatChunk, BoxError>>,
{
    timeout(PATIENCE, support::read(stream)).await.expect("it hangs")
}

/// Makes a call and reads it: how many chunks came, and the error that ended it.
async fn ask(
    model: &mut CallbackService<ScriptedModel>,
    request: ChatRequest,
) -> (usize, Option<BoxError>) {
    let call = async {
        match model.call(request).await {
            Ok(answer) => {
                let (chunks, error) = read(answer).await;
                (chunks.len(), error)
            }
            Err(error) => (0, Some(error)),
        }
    };
    // One that is let in although it should not be may hang.
    timeout(PATIENCE, call).await.expect("it hangs")
}

/// The reason and status of an abort.
#[track_caller]
fn refusal(error: Option<BoxError>) -> (String, StatusCode) {
    let aborted = error.expect("it is aborted").downcast::<Aborted>().expect("it is aborted");
    (aborted.abort().reason().to_owned(), aborted.abort().status_code())
}

/// The budget that is for all.
#[track_caller]
fn all(guard: &BudgetGuard) -> BudgetKey {
    guard.key("").expect("it was drawn on")
}

const SPENT: &str = "the token budget is spent";
const TOO_MUCH: &str = "the call may use more tokens than the budget has left";
