//! A handler that panics.

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
    heard: Arc<Mutex<Vec<EventKind>>>,
}

impl Fragile {
    fn new(at: EventKind) -> Self {
        Self { at, broken: Arc::default(), heard: Arc::default() }
    }

    fn hear(&self, kind: EventKind) {
        self.heard.lock().unwrap().push(kind);
        if kind == self.at && !self.broken.swap(true, Ordering::SeqCst) {
            panic!("broken at {kind}");
        }
    }

    fn heard(&self) -> Vec<EventKind> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }
}

impl CallbackHandler for Fragile {
    fn on_llm_start(&self, _: &Run, _: &LlmStart) {
        self.hear(EventKind::LlmStart);
    }
    fn on_llm_new_token(&self, _: &Run, _: &Token) {
        self.hear(EventKind::LlmNewToken);
    }
    fn on_llm_end(&self, _: &Run, _: &LlmResult) {
        self.hear(EventKind::LlmEnd);
    }
    fn on_llm_error(&self, _: &Run, _: &RunError) {
        self.hear(EventKind::LlmError);
    }
    fn on_custom_event(&self, _: &Run, _: &CustomEvent) {
        self.hear(EventKind::Custom);
    }
}

impl AsyncCallbackHandler for Fragile {
    async fn on_llm_start(&self, _: &Run, _: &LlmStart) {
        self.hear(EventKind::LlmStart);
    }
    async fn on_llm_new_token(&self, _: &Run, _: &Token) {
        tokio::task::yield_now().await;
        self.hear(EventKind::LlmNewToken);
    }
    async fn on_llm_end(&self, _: &Run, _: &LlmResult) {
        self.hear(EventKind::LlmEnd);
    }
    async fn on_llm_error(&self, _: &Run, _: &RunError) {
        self.hear(EventKind::LlmError);
    }
    async fn on_custom_event(&self, _: &Run, _: &CustomEvent) {
        self.hear(EventKind::Custom);
    }
}

#[test]
fn in_each_method() {
    use EventKind::{Custom, LlmEnd, LlmError, LlmNewToken, LlmStart};
    for (at, heard) in [
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
            let told = witnesses()
                .with(handler)
                .with(mode.handler(fragile.clone()).name(FRAGILE).threads(1));
            let script = Script::new().respond().text("Hel").text("lo");
            let script = if at == LlmError { script.fail("cut") } else { script.complete("stop") };
            let (_, mut model) = told.model(script);

            for nth in 1..=2 {
                let mut stream = call(&mut model).await.unwrap();
                let first = stream.next().await.unwrap().unwrap();
                assert_eq!(first.content(), Some("Hel"));
                let run = runs.lock().unwrap()[nth - 1].clone();
                run.emit("half", 1).unwrap();
                let (rest, error) = read(stream).await;
                assert_eq!(rest[0].content(), Some("lo"));
                assert_eq!(error.is_some(), at == LlmError);
                assert_others_unharmed(&told, nth).await;

                let fault = told.faults.one();
                assert_eq!(fault.kind, FaultKind::Panicked);
                assert_eq!(&*fault.handler, FRAGILE);
                assert_eq!(fault.run_id, runs.lock().unwrap()[0].run_id());
                assert_eq!(fault.event, Some(at));
                assert_eq!(fault.panic_message.as_deref(), Some(&*format!("broken at {at}")));
                // The event itself, and what else was told by then.
                let waited_for = match mode {
                    Mode::Inline => true,
                    Mode::Blocking(delivery) | Mode::Async(delivery) => {
                        at.is_terminal() || delivery == Delivery::Lockstep && at != Custom
                    }
                };
                assert!(fault.lost_events == 1 || fault.lost_events > 1 && !waited_for, "{fault}");
                if nth == 1 {
                    assert_eq!(fragile.heard(), heard, "{mode:?}");
                } else {
                    assert_eq!(fragile.heard().len(), 5, "{mode:?} hears the next run");
                }
            }
        });
    }
}

/// Several handlers that panic at the same event: each is one fault.
#[test]
fn all_of_them() {
    in_each_mode(|mode| async move {
        let panics = || mode.closure(|_, event| assert!(!event.kind().is_terminal()));
        let told = witnesses().with(panics().name("a")).with(panics().name("b"));
        let (_, mut model) = told.model(Script::answer(["a"]));
        let (_, error) = read(call(&mut model).await.unwrap()).await;
        assert!(error.is_none());
        assert_others_unharmed(&told, 1).await;
        let mut names: Vec<_> = told.faults.all().iter().map(|f| f.handler.to_string()).collect();
        names.sort();
        assert_eq!(names, ["a", "b"]);
    });
}
