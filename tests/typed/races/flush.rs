//! Flushes that race with other threads.

use std::{
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use support::{Flavor, PATIENCE, call, runs};
use tower::Layer;
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Event, EventKind, Registration, Run, on_event,
    testing::{Recorder, Script, ScriptedModel},
};

/// A flush also waits for an event that is left to a thread which is delivering another one.
#[test]
fn a_flush_waits_for_an_event_left_to_another_thread() {
    Flavor::Multi.runtime().block_on(async {
        let (entered, leave) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
        let (enters, leaves) = (Arc::clone(&entered), Arc::clone(&leave));
        let slow = Registration::inline(on_event(move |_: &Run, event: &Event| {
            if event.kind() == EventKind::Custom {
                enters.wait();
                leaves.wait();
            }
        }));
        let (inline, runs) = runs();
        let recorder = Recorder::new();
        let handler = Registration::blocking(recorder.clone());
        let callbacks = Callbacks::new().add(inline).add(slow).add(handler);
        let model = ScriptedModel::new(Script::new().respond().hang());
        let answer = call(&mut CallbackLayer::new(callbacks.clone()).layer(model)).await.unwrap();
        let run = runs.lock().unwrap()[0].clone();

        let emits = thread::spawn(move || run.emit("slow", 1));
        entered.wait();
        drop(answer);
        let report = callbacks.flush(Duration::from_millis(50)).await;
        assert_eq!(report.undelivered.len(), 1, "{report:?}");
        let rest = callbacks.clone();
        let rest = tokio::spawn(async move { rest.flush(PATIENCE).await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!rest.is_finished());
        leave.wait();
        assert!(rest.await.unwrap().is_complete());
        assert_eq!(recorder.terminals().len(), 1);
        emits.join().unwrap().unwrap();
    });
}
