//! Handlers receive the events of their mask, and no others.

use std::{future::Future, pin::Pin};

use futures::future::ready;
use proptest::{collection::vec, prelude::*, sample::select};
use support::{Faults, Flavor, MODES, Mode, PATIENCE, read, request};
use tokio::time::timeout;
use tower::{BoxError, Layer, Service, service_fn};
use tower_llm_callbacks::{
    AsyncCallbackHandler, AttemptsLayer, CallbackHandler, CallbackLayer, Callbacks, Delta, Event,
    EventKind, EventMask, ProviderError, Registration, Run, RunConfig, RunLayer, RunType, emit,
    testing::{Checker, Recorded, Recorder, Script, ScriptedModel},
};
use uuid::Uuid;

use super::masks;

/// A handler with an event mask.
#[derive(Clone)]
struct Masked(Recorder, EventMask);

impl CallbackHandler for Masked {
    fn event_mask(&self) -> EventMask {
        self.1
    }

    fn on_event(&self, run: &Run, event: &Event) {
        CallbackHandler::on_event(&self.0, run, event);
    }
}

impl AsyncCallbackHandler for Masked {
    fn event_mask(&self) -> EventMask {
        self.1
    }

    async fn on_event(&self, run: &Run, event: &Event) {
        AsyncCallbackHandler::on_event(&self.0, run, event).await;
    }
}

/// A step of a random script. The scripts emit events of every kind.
#[derive(Debug, Clone)]
enum Act {
    /// A model call: the number of tokens, and how it ends.
    Ask(u8, u8),
    Emit,
    Run(RunType, Vec<Act>, bool),
    /// Two attempts, the first of which fails.
    Twice(RunType),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let others = || select(vec![RunType::Chain, RunType::Tool, RunType::Retriever]);
    let act = prop_oneof![
        3 => (0u8..4, 0u8..5).prop_map(|(tokens, end)| Act::Ask(tokens, end)),
        2 => Just(Act::Emit),
        1 => select(super::TYPES.to_vec()).prop_map(Act::Twice),
    ];
    let act = act.prop_recursive(3, 16, 4, move |act| {
        (others(), vec(act, 0..4), any::<bool>())
            .prop_map(|(of, acts, fails)| Act::Run(of, acts, fails))
    });
    vec(act, 1..5)
}

type Done = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

fn layer(run_type: RunType) -> RunLayer {
    match run_type {
        RunType::Tool => RunLayer::tool("t"),
        RunType::Retriever => RunLayer::retriever("r"),
        _ => RunLayer::chain("c"),
    }
}

fn ask(script: Script) -> Done {
    Box::pin(async move {
        let mut model = CallbackLayer::new(Callbacks::new()).layer(ScriptedModel::new(script));
        let (_, error) = read(model.call(request()).await?).await;
        error.map_or(Ok(()), Err)
    })
}

fn act(act: Act) -> Done {
    match act {
        Act::Ask(tokens, end) => {
            let script =
                (0..tokens).fold(Script::new().respond(), |script, _| script.text("a").yields());
            let script = match end {
                0 => script.fail("reset"),
                1 => script.chunk(Delta::Error(ProviderError::new("overloaded"))),
                2 => script,
                _ => script.complete("stop"),
            };
            // The error concerns only this call.
            Box::pin(async move {
                let _ended = ask(script).await;
                Ok(())
            })
        }
        Act::Emit => Box::pin(async {
            // Fails outside a run.
            emit("event", 1).ok();
            Ok(())
        }),
        Act::Run(run_type, acts, fails) => Box::pin(async move {
            let inside = async move {
                all(acts).await?;
                if fails { Err(BoxError::from("broken")) } else { Ok(()) }
            };
            let _ended = layer(run_type).run(inside).await;
            Ok(())
        }),
        Act::Twice(run_type) => Box::pin(async move {
            let twice = service_fn(move |()| -> Done {
                let attempt = |fails: bool| -> Done {
                    if run_type == RunType::Llm {
                        let refused = Script::new().fail("refused").respond();
                        return ask(if fails { refused } else { Script::answer(["b"]) });
                    }
                    let result = if fails { Err(BoxError::from("refused")) } else { Ok(()) };
                    Box::pin(async move { layer(run_type).run(ready(result)).await })
                };
                let (first, second) = (attempt(true), attempt(false));
                Box::pin(async move {
                    first.await.unwrap_err();
                    second.await
                })
            });
            AttemptsLayer::new().layer(twice).call(()).await
        }),
    }
}

fn all(acts: Vec<Act>) -> Done {
    Box::pin(async move {
        for one in acts {
            act(one).await?;
        }
        Ok(())
    })
}

#[derive(Debug, Clone)]
struct Listener {
    mode: Mode,
    own: EventMask,
    /// Further masks, applied one after the other.
    narrowed: Vec<EventMask>,
}

fn listeners() -> impl Strategy<Value = Vec<Listener>> {
    let listener = (select(MODES.to_vec()), masks(), vec(masks(), 0..3))
        .prop_map(|(mode, own, narrowed)| Listener { mode, own, narrowed });
    vec(listener, 1..4)
}

impl Listener {
    fn wanted(&self) -> EventMask {
        self.narrowed.iter().fold(self.own, |all, mask| all & *mask)
    }
}

type Id = (Uuid, u64, EventKind);

fn ids<'e>(events: impl IntoIterator<Item = &'e Recorded>) -> Vec<Id> {
    // Ordered within each run only: different runs may be delivered concurrently.
    let mut ids: Vec<_> =
        events.into_iter().map(|event| (event.run_id, event.seq, event.kind())).collect();
    ids.sort_by_key(|(run, ..)| *run);
    ids
}

async fn schedule(acts: Vec<Act>, listeners: Vec<Listener>) {
    let (witness, faults) = (Recorder::new(), Faults::default());
    let mut callbacks = Callbacks::new().on_fault(faults.hook());
    let mut recorders = Vec::new();
    for listener in &listeners {
        let recorder = Recorder::new();
        let handler: Registration = listener.mode.handler(Masked(recorder.clone(), listener.own));
        let narrowed = listener.narrowed.iter();
        callbacks =
            callbacks.add(narrowed.fold(handler, |handler, mask| handler.event_mask(*mask)));
        recorders.push(recorder);
    }
    callbacks = callbacks.inline(witness.clone());
    RunConfig::new().callbacks(&callbacks).scope(all(acts)).await.unwrap();
    assert!(callbacks.flush(PATIENCE).await.is_complete());
    faults.none();
    let truth = witness.events();
    for (recorder, listener) in recorders.iter().zip(&listeners) {
        let wanted = listener.wanted();
        let expected = truth.iter().filter(|event| wanted.wants_in(event.kind(), event.run_type));
        let events = recorder.events();
        assert_eq!(ids(&events), ids(expected), "{listener:?}");
        let violations = Checker::new().event_mask(wanted).check(&events);
        assert!(violations.is_empty(), "{violations:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn delivered_events_match_the_mask(acts in acts(), listeners in listeners(), multi in any::<bool>()) {
        let runtime = if multi { Flavor::Multi } else { Flavor::Current }.runtime();
        let task = runtime.spawn(schedule(acts, listeners));
        let done = runtime.block_on(async { timeout(PATIENCE, task).await.expect("the schedule hangs") });
        runtime.shutdown_background();
        done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    }
}

/// The scripts above can emit every kind of event of their types, so that the test above covers all of them.
#[test]
fn scripts_emit_every_kind() {
    let acts = vec![
        Act::Ask(1, 4),
        Act::Ask(1, 0),
        Act::Run(RunType::Chain, vec![Act::Emit], false),
        Act::Run(RunType::Chain, vec![], true),
        Act::Twice(RunType::Tool),
        Act::Twice(RunType::Retriever),
    ];
    let witness = Recorder::new();
    let callbacks = Callbacks::new().inline(witness.clone());
    futures::executor::block_on(RunConfig::new().callbacks(&callbacks).scope(all(acts))).unwrap();
    let kinds = witness.kinds();
    // The layers of the scripts make runs of these types.
    let types = [RunType::Llm, RunType::Chain, RunType::Tool, RunType::Retriever];
    for kind in super::KINDS {
        let made = types.iter().any(|run_type| super::emits(*run_type, kind));
        assert!(!made || kinds.contains(&kind), "{kind}");
    }
}

/// The mask is read once, when the handler is added.
#[test]
fn a_mask_that_changes_is_read_once() {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };
    struct Changes(Arc<AtomicUsize>, Recorder);
    impl CallbackHandler for Changes {
        fn event_mask(&self) -> EventMask {
            match self.0.fetch_add(1, Ordering::SeqCst) {
                0 => EventMask::LLM_END,
                _ => EventMask::ALL,
            }
        }
        fn on_event(&self, run: &Run, event: &Event) {
            CallbackHandler::on_event(&self.1, run, event);
        }
    }
    let (asked, recorder) = (Arc::new(AtomicUsize::new(0)), Recorder::new());
    let callbacks = Callbacks::new().inline(Changes(Arc::clone(&asked), recorder.clone()));
    let config = || RunConfig::new().callbacks(&callbacks);
    for _ in 0..3 {
        futures::executor::block_on(config().scope(ask(Script::answer(["a"])))).unwrap();
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert_eq!(recorder.kinds(), [EventKind::LlmEnd; 3]);
}
