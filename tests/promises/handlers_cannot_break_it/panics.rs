//! Handlers that panic.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use futures::StreamExt;
use support::{Mode, call, in_each_mode, read, runs};
use tower_llm_callbacks::{
    AsyncCallbackHandler, CallbackHandler, Delivery, EventKind, FaultKind, LlmResult, LlmStart,
    Run, RunError, Token, event::CustomEvent, testing::Script,
};

use super::{FRAGILE, assert_others_unharmed, witnesses};

/// Panics once, in one of its methods.
#[derive(Clone)]
struct Fragile {
    at: EventKind,
    broken: Arc<AtomicBool>,
    received: Arc<Mutex<Vec<EventKind>>>,
}

impl Fragile {
    fn new(at: EventKind) -> Self {
        Self { at, broken: Arc::default(), received: Arc::default() }
    }

    fn receive(&self, kind: EventKind) {
        self.received.lock().unwrap().push(kind);
        if kind == self.at && !self.broken.swap(true, Ordering::SeqCst) {
            panic!("broken at {kind}");
        }
    }

    fn received(&self) -> Vec<EventKind> {
        std::mem::take(&mut *self.received.lock().unwrap())
    }
}

impl CallbackHandler for Fragile {
    fn on_llm_start(&self, _: &Run, _: &LlmStart) {
        self.receive(EventKind::LlmStart);
    }
    fn on_llm_new_token(&self, _: &Run, _: &Token) {
        self.receive(EventKind::LlmNewToken);
    }
    fn on_llm_end(&self, _: &Run, _: &LlmResult) {
        self.receive(EventKind::LlmEnd);
    }
    fn on_llm_error(&self, _: &Run, _: &RunError) {
        self.receive(EventKind::LlmError);
    }
    fn on_custom_event(&self, _: &Run, _: &CustomEvent) {
        self.receive(EventKind::Custom);
    }
}

impl AsyncCallbackHandler for Fragile {
    async fn on_llm_start(&self, _: &Run, _: &LlmStart) {
        self.receive(EventKind::LlmStart);
    }
    async fn on_llm_new_token(&self, _: &Run, _: &Token) {
        tokio::task::yield_now().await;
        self.receive(EventKind::LlmNewToken);
    }
    async fn on_llm_end(&self, _: &Run, _: &LlmResult) {
        self.receive(EventKind::LlmEnd);
    }
    async fn on_llm_error(&self, _: &Run, _: &RunError) {
        self.receive(EventKind::LlmError);
    }
    async fn on_custom_event(&self, _: &Run, _: &CustomEvent) {
        self.receive(EventKind::Custom);
    }
}

#[test]
fn a_panic_in_any_method_is_one_fault() {
    use EventKind::{Custom, LlmEnd, LlmError, LlmNewToken, LlmStart};
    for (at, received) in [
        (LlmStart, &[LlmStart][..]),
        (LlmNewToken, &[LlmStart, LlmNewToken]),
        (Custom, &[LlmStart, LlmNewToken, Custom]),
        (LlmEnd, &[LlmStart, LlmNewToken, Custom, LlmNewToken, LlmEnd]),
        (LlmError, &[LlmStart, LlmNewToken, Custom, LlmNewToken, LlmError]),
    ] {
        in_each_mode(move |mode| async move {
            println!("panics at {at}");
            let fragile = Fragile::new(at);
            let (handler, runs) = runs();
            let recorders = witnesses()
                .with(handler)
                .with(mode.handler(fragile.clone()).name(FRAGILE).threads(1));
            let script = Script::new().respond().text("Hel").text("lo");
            let script = if at == LlmError { script.fail("cut") } else { script.complete("stop") };
            let (_, mut model) = recorders.model(script);

            for nth in 1..=2 {
                let mut stream = call(&mut model).await.unwrap();
                let first = stream.next().await.unwrap().unwrap();
                assert_eq!(first.content(), Some("Hel"));
                let run = runs.lock().unwrap()[nth - 1].clone();
                run.emit("half", 1).unwrap();
                let (rest, error) = read(stream).await;
                assert_eq!(rest[0].content(), Some("lo"));
                assert_eq!(error.is_some(), at == LlmError);
                assert_others_unharmed(&recorders, nth).await;

                let fault = recorders.faults.one();
                assert_eq!(fault.kind, FaultKind::Panicked);
                assert_eq!(&*fault.handler, FRAGILE);
                assert_eq!(fault.run_id, runs.lock().unwrap()[0].run_id());
                assert_eq!(fault.event, Some(at));
                assert_eq!(fault.message.as_deref(), Some(&*format!("broken at {at}")));
                // The panicking event, and the events emitted until then.
                let waited_for = match mode {
                    Mode::Inline => true,
                    Mode::Blocking(delivery) | Mode::Async(delivery) => {
                        at.is_terminal() || delivery == Delivery::Lockstep && at != Custom
                    }
                };
                assert!(fault.lost_events == 1 || fault.lost_events > 1 && !waited_for, "{fault}");
                if nth == 1 {
                    assert_eq!(fragile.received(), received, "{mode:?}");
                } else {
                    assert_eq!(fragile.received().len(), 5, "{mode:?} receives the next run");
                }
            }
        });
    }
}

/// Each handler that panics at the same event is one fault.
#[test]
fn several_panicking_handlers_are_one_fault_each() {
    in_each_mode(|mode| async move {
        let panics = || mode.closure(|_, event| assert!(!event.kind().is_terminal()));
        let recorders = witnesses().with(panics().name("a")).with(panics().name("b"));
        let (_, mut model) = recorders.model(Script::answer(["a"]));
        let (_, error) = read(call(&mut model).await.unwrap()).await;
        assert!(error.is_none());
        assert_others_unharmed(&recorders, 1).await;
        let mut names: Vec<_> =
            recorders.faults.all().iter().map(|f| f.handler.to_string()).collect();
        names.sort();
        assert_eq!(names, ["a", "b"]);
    });
}
