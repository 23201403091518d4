//! `BudgetGuard`: admits calls within the budget, and settles the usage of each run exactly once.

mod concurrency;
mod estimates;
mod gateway;
mod keys;
mod midway;
mod money;
mod requests;
mod running;
mod settling;
mod shared;

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

/// An answer that completes, with a usage report.
fn used(input: u64, output: u64) -> Script {
    Script::new().respond().text("Hi").chunk(report(input, output)).complete("stop")
}

fn layer(guard: &BudgetGuard) -> CallbackLayer {
    CallbackLayer::new(Callbacks::new().inline(guard.clone())).usage_estimator(support::pieces())
}

fn model(guard: &BudgetGuard, script: Script) -> (ScriptedModel, CallbackService<ScriptedModel>) {
    let model = ScriptedModel::new(script);
    (model.clone(), layer(guard).layer(model))
}

/// A request for at most `max_tokens` tokens.
fn asking(max_tokens: u32) -> ChatRequest {
    ChatRequest::new("any").user("Hi").max_tokens(max_tokens)
}

/// Reads a stream to its end. With a timeout: a script that should be aborted may hang otherwise.
async fn read<S>(stream: S) -> (Vec<ChatChunk>, Option<BoxError>)
where
    S: Stream<Item = Result<ChatChunk, BoxError>>,
{
    timeout(PATIENCE, support::read(stream)).await.expect("the stream hangs")
}

/// Makes a call and reads the answer. Returns the number of chunks and the error.
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
    // With a timeout: a call that is admitted by mistake may hang.
    timeout(PATIENCE, call).await.expect("the call hangs")
}

/// The reason and status of an abort.
#[track_caller]
fn refusal(error: Option<BoxError>) -> (String, StatusCode) {
    let aborted =
        error.expect("the call is aborted").downcast::<Aborted>().expect("the call is aborted");
    (aborted.abort().reason().to_owned(), aborted.abort().status_code())
}

/// The budget shared by all runs.
#[track_caller]
fn all(guard: &BudgetGuard) -> BudgetKey {
    guard.key("").expect("the budget was used")
}

const SPENT: &str = "the token budget is spent";
const TOO_MUCH: &str = "the call may use more tokens than the budget has left";
const NEVER_FITS: &str = "the call may use more tokens than the whole token budget";
