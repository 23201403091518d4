//! Adaptors over any handler: content, masks, samples, filters.

mod content;
mod mask;
mod mask_escaped;
mod sample;

use std::sync::{Arc, Mutex};

use serde_json::json;
use support::{Mode, read};
use tower::{Layer, Service, ServiceExt};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Delta, HandlerExt, Registration, Run, RunConfig,
    chat::{ChatChunk, ChatRequest},
    testing::{Recorder, Script, ScriptedModel, assert_promises},
};

/// Plays a script through a layer with these callbacks, and waits until it is delivered.
async fn play(callbacks: &Callbacks, script: Script) {
    play_with(callbacks, script, ChatRequest::new("any").user("Hi"), RunConfig::new()).await;
}

async fn play_with(callbacks: &Callbacks, script: Script, request: ChatRequest, config: RunConfig) {
    let mut model = CallbackLayer::new(callbacks).layer(ScriptedModel::new(script));
    let call = async { model.ready().await.unwrap().call(request).await };
    if let Ok(answer) = config.scope(call).await {
        read(answer).await;
    }
    assert!(callbacks.flush(support::PATIENCE).await.is_complete());
}

#[tokio::test]
async fn a_filter_is_asked_once_a_run() {
    for mode in Mode::ALL {
        let recorder = Recorder::new();
        let asked = Arc::new(Mutex::new(0));
        let count = Arc::clone(&asked);
        // Lets every second run pass, whatever it is.
        let filter = move |_: &Run| {
            *count.lock().unwrap() += 1;
            *count.lock().unwrap() % 2 == 1
        };
        let callbacks = Callbacks::new().add(mode.handler(recorder.clone().only(filter)));
        for _ in 0..6 {
            play(&callbacks, Script::answer(["a", "b"])).await;
        }
        assert_promises(&recorder.events());
        assert_eq!((recorder.run_ids().len(), *asked.lock().unwrap()), (3, 6), "{mode:?}");
    }
}

#[tokio::test]
async fn a_handler_is_adapted_in_several_ways() {
    let recorder = Recorder::new();
    let of = |tag: &'static str| {
        recorder.clone().only(move |run: &Run| run.tags().iter().any(|it| **it == *tag))
    };
    let callbacks = Callbacks::new()
        .add(Registration::inline(of("a")))
        .add(Registration::blocking(of("b")))
        .add(Registration::async_handler(of("c")));
    for tag in ["a", "b", "c", "d"] {
        let config = RunConfig::new().tags([tag]);
        play_with(&callbacks, Script::answer(["x"]), ChatRequest::new("m").user("y"), config).await;
    }
    assert_promises(&recorder.events());
    assert_eq!(recorder.run_ids().len(), 3);
}

fn tool_call<T: AsRef<str>>(pieces: &[T]) -> Script {
    let open = Script::new().respond().chunk(Delta::tool_call(0, "call_1", "send", ""));
    let script = pieces.iter().fold(open, |script, piece| {
        script.chunk(ChatChunk::from(Delta::tool_arguments(0, piece.as_ref().to_owned())))
    });
    script.complete("tool_calls")
}

fn value() -> serde_json::Value {
    json!({"to": "ann@example.com", "n": 3})
}
