//! The chunk with the protocol's end mark is not held for the terminal event, not even by a lockstep handler.

use futures::{FutureExt, StreamExt};
use tokio::sync::Semaphore;
use tower::{Layer, Service, ServiceExt};
use tower_llm_callbacks::{
    AsyncCallbackHandler, CallbackLayer, Callbacks, Delta, EventKind, LlmResult, Registration, Run,
    chat::ChatRequest,
    testing::{Recorder, Script, ScriptedModel, assert_promises},
};

/// Stays at the terminal event until it is released.
struct Slow(&'static Semaphore);

impl AsyncCallbackHandler for Slow {
    async fn on_llm_end(&self, _run: &Run, _result: &LlmResult) {
        self.0.acquire().await.expect("the gate is closed").forget();
    }
}

#[tokio::test]
async fn a_lockstep_handler_does_not_hold_the_end_mark() {
    static GATE: Semaphore = Semaphore::const_new(0);
    let recorder = Recorder::new();
    let callbacks = Callbacks::new()
        .add(Registration::async_handler(Slow(&GATE)).lockstep())
        .inline(recorder.clone());
    let mut model =
        CallbackLayer::new(callbacks).layer(ScriptedModel::new(Script::answer(["a", "b"])));
    let request = ChatRequest::new("any").user("Hi");
    let mut answer = model.ready().await.unwrap().call(request).await.unwrap();
    loop {
        if answer.next().await.unwrap().unwrap() == Delta::Done {
            break;
        }
    }
    // The handler is still at the terminal event. Only the end of the stream waits for it.
    assert_eq!(recorder.kinds().last(), Some(&EventKind::LlmEnd));
    assert!(answer.next().now_or_never().is_none());
    GATE.add_permits(1);
    assert!(answer.next().await.is_none());
    assert_promises(&recorder.events());
}
