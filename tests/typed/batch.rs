//! `Batch`: several prompts at once, with one run per prompt under one parent, and results in the prompts'
//! order.

mod aborts;
mod cancel;
mod errors;
mod limit;
mod results;
mod runs;

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use support::{PATIENCE, Recorders};
use tower::{BoxError, Service};
use tower_llm_callbacks::{
    EventData, RunType,
    chat::ChatRequest,
    testing::{Recorded, Recorder, Script, ScriptedModel, ScriptedStream, assert_promises},
};

/// A model with one script per prompt, independent of the order of calls. A request's model is the number of
/// its prompt.
#[derive(Clone)]
struct Prompts(Arc<Vec<ScriptedModel>>);

impl Prompts {
    fn new(scripts: impl IntoIterator<Item = Script>) -> Self {
        Self(Arc::new(scripts.into_iter().map(ScriptedModel::new).collect()))
    }

    /// Requests for all prompts.
    fn requests(&self) -> Vec<ChatRequest> {
        (0..self.0.len()).map(|n| ChatRequest::new(n.to_string()).user("Hi")).collect()
    }

    fn live(&self) -> usize {
        self.0.iter().map(ScriptedModel::live).sum()
    }

    fn calls(&self) -> Vec<usize> {
        self.0.iter().map(ScriptedModel::calls).collect()
    }
}

impl Service<ChatRequest> for Prompts {
    type Response = ScriptedStream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<ScriptedStream, BoxError>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: ChatRequest) -> Self::Future {
        let number: usize = request.model.parse().unwrap();
        self.0[number].clone().call(request)
    }
}

/// An answer that takes a few polls.
fn answer(text: &str) -> Script {
    Script::new().yields().respond().text(text).yields().complete("stop")
}

fn starts(recorder: &Recorder) -> Vec<Recorded> {
    recorder.events().into_iter().filter(|event| event.kind().is_start()).collect()
}

/// The starts of the prompts' runs, in the prompts' order.
fn prompt_starts(recorder: &Recorder) -> Vec<Recorded> {
    let number = |start: &Recorded| match &start.data {
        EventData::LlmStart(start) => start.model.as_ref().unwrap().parse::<usize>().unwrap(),
        other => panic!("{other:?}"),
    };
    let mut starts = starts(recorder);
    starts.retain(|start| start.run_type == RunType::Llm);
    starts.sort_by_key(number);
    starts
}

/// The start and end of the only chain.
#[track_caller]
fn chain(recorder: &Recorder) -> (Recorded, Recorded) {
    let mut events = recorder.events();
    events.retain(|event| event.run_type == RunType::Chain);
    assert_eq!(events.len(), 2, "{events:?}");
    let end = events.pop().unwrap();
    (events.pop().unwrap(), end)
}

/// Asserts that every event is delivered, and that the promises hold.
async fn assert_delivered(recorders: &Recorders) {
    assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
    recorders.faults.none();
    for (_, recorder) in &recorders.each {
        assert_promises(&recorder.events());
    }
}
