//! Promise 9, pay for what is used: where nobody is told and nothing is inherited no run is made, and
//! what nobody wants is not built.

use std::{
    future::{Ready, ready},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::{
    StreamExt,
    stream::{self, Iter},
};
use serde_json::json;
use support::{MODES, Mode, PATIENCE, Recorders, call, in_each_mode, on_each_runtime, read};
use tokio::runtime::Handle;
use tower::{BoxError, Layer, Service, service_fn, util::ServiceFn};
use tower_llm_callbacks::{
    AsyncCallbackHandler, CallbackHandler, CallbackLayer, Callbacks, Event, EventData, EventKind,
    EventMask, LlmRequest, LlmStart, Prompt, Run, RunConfig,
    chat::ChatChunk,
    testing::{Checker, Recorder, Script, ScriptedModel},
};

/// A request that counts how often it is described, and how often its prompt is built.
#[derive(Clone, Default)]
struct Counted {
    described: Arc<AtomicUsize>,
    built: Arc<AtomicUsize>,
}

impl LlmRequest for Counted {
    fn llm_start(&self) -> LlmStart {
        self.described.fetch_add(1, Ordering::SeqCst);
        let built = Arc::clone(&self.built);
        LlmStart::new("acme", "complete").messages(Prompt::lazy(move || {
            built.fetch_add(1, Ordering::SeqCst);
            json!(["Hi"])
        }))
    }
}

impl Counted {
    fn described(&self) -> usize {
        self.described.load(Ordering::SeqCst)
    }

    fn built(&self) -> usize {
        self.built.load(Ordering::SeqCst)
    }
}

type Items = Iter<std::array::IntoIter<Result<ChatChunk, BoxError>, 3>>;

/// A model that tells whether it was called in a run.
fn asks_for_a_run(
    in_run: Arc<Mutex<Vec<bool>>>,
) -> ServiceFn<impl Fn(Counted) -> Ready<Result<Items, BoxError>> + Clone> {
    service_fn(move |_: Counted| {
        in_run.lock().unwrap().push(Run::current().is_some());
        let chunks = [ChatChunk::text("a"), ChatChunk::text("b"), ChatChunk::Done];
        ready(Ok(stream::iter(chunks.map(Ok))))
    })
}

/// Whether a call of the layer is made in a run; and how it was looked at.
async fn has_run(layer: &CallbackLayer) -> (bool, Counted) {
    let (request, in_run) = (Counted::default(), Arc::default());
    let mut service = layer.layer(asks_for_a_run(Arc::clone(&in_run)));
    let stream = service.call(request.clone()).await.unwrap();
    let (got, error) = read(stream).await;
    assert_eq!((got.len(), error.is_none()), (3, true));
    let in_run = in_run.lock().unwrap();
    assert_eq!(in_run.len(), 1);
    (in_run[0], request)
}

/// A layer with nothing but what is for its own runs.
fn silent() -> CallbackLayer {
    CallbackLayer::new(Callbacks::new()).name("silent").tags(["local"]).metadata("local", 1)
}

#[test]
fn without_handlers_and_anything_inheritable_there_is_no_run() {
    on_each_runtime(|| async {
        let tasks = Handle::current().metrics().num_alive_tasks();
        let (in_run, request) = has_run(&silent()).await;
        assert!(!in_run);
        assert_eq!((request.described(), request.built()), (0, 0));
        let (in_run, request) = RunConfig::new().run_name("a").scope(has_run(&silent())).await;
        assert!(!in_run);
        assert_eq!(request.described(), 0);
        assert_eq!(Handle::current().metrics().num_alive_tasks(), tasks);
    });
}

#[test]
fn what_is_inheritable_makes_a_run() {
    on_each_runtime(|| async {
        for layer in [
            silent().inheritable_tags(["a"]),
            silent().inheritable_metadata("a", 1),
            silent().inheritable_callbacks(&Callbacks::new().inline(Recorder::new())),
        ] {
            assert!(has_run(&layer).await.0, "{layer:?}");
        }
        for config in [
            RunConfig::new().tags(["a"]),
            RunConfig::new().metadata("a", 1),
            RunConfig::new().callbacks(&Callbacks::new().inline(Recorder::new())),
        ] {
            let config: RunConfig = config;
            assert!(config.scope(has_run(&silent())).await.0);
        }
    });
}

/// Inherited by children, and nobody hears of it: the run is made, but nothing is built.
#[test]
fn a_run_without_handlers_builds_nothing() {
    on_each_runtime(|| async {
        let (in_run, request) = has_run(&silent().inheritable_tags(["a"])).await;
        assert!(in_run);
        assert_eq!((request.described(), request.built()), (0, 0));
    });
}

/// A handler with some interests, which notes what it is told.
#[derive(Clone)]
struct Wants {
    interests: EventMask,
    recorder: Recorder,
    asked: Arc<AtomicUsize>,
}

impl Wants {
    fn new(interests: EventMask) -> Self {
        Self { interests, recorder: Recorder::new(), asked: Arc::default() }
    }

    fn interests(&self) -> EventMask {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.interests
    }
}

impl CallbackHandler for Wants {
    fn interests(&self) -> EventMask {
        self.interests()
    }

    fn on_event(&self, run: &Run, event: &Event) {
        CallbackHandler::on_event(&self.recorder, run, event);
    }
}

impl AsyncCallbackHandler for Wants {
    fn interests(&self) -> EventMask {
        self.interests()
    }

    async fn on_event(&self, run: &Run, event: &Event) {
        AsyncCallbackHandler::on_event(&self.recorder, run, event).await;
    }
}

fn set(mode: Mode, wants: &Wants) -> Callbacks {
    Callbacks::new().add(mode.handler(wants.clone()))
}

/// A handler hears of what it wants and of nothing else; the numbers show the gaps.
#[test]
fn who_leaves_events_out_does_not_get_them() {
    use EventKind::*;
    for (interests, expected) in [
        (EventMask::ALL - EventMask::LLM_NEW_TOKEN, &[(LlmStart, 0), (Custom, 3), (LlmEnd, 4)][..]),
        (EventMask::LLM_START | EventMask::LLM_END, &[(LlmStart, 0), (LlmEnd, 4)]),
        (EventMask::LLM_NEW_TOKEN, &[(LlmNewToken, 1), (LlmNewToken, 2)]),
        (EventMask::CUSTOM, &[(Custom, 3)]),
        (EventMask::LLM_END, &[(LlmEnd, 4)]),
        (EventMask::LLM_ERROR, &[]),
    ] {
        in_each_mode(move |mode| async move {
            let wants = Wants::new(interests);
            let callbacks = set(mode, &wants);
            let script = Script::new().respond().text("a").text("b").chunk(ChatChunk::Done);
            let (handler, runs) = support::runs();
            let layer = CallbackLayer::new(callbacks.clone().add(handler));
            let mut stream = call(&mut layer.layer(ScriptedModel::new(script))).await.unwrap();
            assert_eq!(read((&mut stream).take(2)).await.0.len(), 2);
            runs.lock().unwrap()[0].emit("note", 1).unwrap();
            assert_eq!(read(stream).await.0.len(), 1);
            assert!(callbacks.flush(PATIENCE).await.is_complete());
            let events = wants.recorder.events();
            let seen: Vec<_> = events.iter().map(|event| (event.kind(), event.seq)).collect();
            assert_eq!(seen, expected);
            let broken = Checker::new().interests(interests).check(&events);
            assert!(broken.is_empty(), "{broken:?}");
            // Asked when it was added, and not for each call.
            assert_eq!(wants.asked.load(Ordering::SeqCst), 1);
        });
    }
}

#[test]
fn a_start_that_nobody_wants_is_not_built() {
    in_each_mode(|mode| async move {
        let ends = Wants::new(EventMask::LLM_END);
        let callbacks = set(mode, &ends);
        let (in_run, request) = has_run(&CallbackLayer::new(callbacks.clone())).await;
        assert!(callbacks.flush(PATIENCE).await.is_complete());
        assert!(in_run);
        assert_eq!((request.described(), request.built()), (0, 0));
        // It is numbered all the same.
        assert_eq!(ends.recorder.terminals()[0].seq, 3);
    });
}

/// A lazy prompt is built when somebody looks, and once for all who do.
#[test]
fn a_prompt_is_built_for_who_looks_at_it() {
    in_each_mode(|mode| async move {
        let callbacks = set(mode, &Wants::new(EventMask::ALL));
        let (_, request) = has_run(&CallbackLayer::new(callbacks.clone())).await;
        assert!(callbacks.flush(PATIENCE).await.is_complete());
        assert_eq!((request.described(), request.built()), (1, 0), "nobody looked");
    });
    on_each_runtime(|| async {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let looks = |all: Callbacks, mode: &Mode| {
            let seen = Arc::clone(&seen);
            all.add(mode.closure(move |_, event| {
                if let EventData::LlmStart(start) = event.data() {
                    seen.lock().unwrap().push(start.messages.get().cloned());
                }
            }))
        };
        let callbacks = MODES.iter().chain(&MODES).fold(Callbacks::new(), looks);
        let (_, request) = has_run(&CallbackLayer::new(callbacks.clone())).await;
        assert!(callbacks.flush(PATIENCE).await.is_complete());
        assert_eq!((request.described(), request.built()), (1, 1));
        assert_eq!(*seen.lock().unwrap(), vec![Some(json!(["Hi"])); 2 * MODES.len()]);
    });
}

/// What a handler wants never happens in runs of this type: it has no task, and is not told.
#[test]
fn who_wants_other_types_of_runs_costs_no_task() {
    in_each_mode(|mode| async move {
        for (interests, costs) in [
            (EventMask::TOOL | EventMask::CHAIN | EventMask::RETRIEVER, false),
            (EventMask::NONE, false),
            (EventMask::ALL, mode != Mode::Inline),
        ] {
            let wants = Wants::new(interests);
            let callbacks = set(mode, &wants);
            let tasks = Handle::current().metrics().num_alive_tasks();
            let model = ScriptedModel::new(Script::new().respond().text("a").hang());
            let mut model = CallbackLayer::new(callbacks.clone()).layer(model);
            let stream = call(&mut model).await.unwrap();
            let more = Handle::current().metrics().num_alive_tasks() > tasks;
            assert_eq!(more, costs, "{interests:?}");
            drop(stream);
            assert!(callbacks.flush(PATIENCE).await.is_complete());
            assert_eq!(wants.recorder.events().is_empty(), interests != EventMask::ALL);
            // Another test's handlers must not be counted: a handler's tasks end with it.
            drop((model, callbacks));
        }
    });
}

/// Where one handler wants nothing of a run, others are told as if it were not there.
#[test]
fn who_wants_nothing_is_no_hindrance() {
    in_each_mode(|mode| async move {
        let recorders = Recorders::new(&MODES).with(mode.handler(Wants::new(EventMask::NONE)));
        let (_, mut model) = recorders.model(Script::answer(["a", "b"]));
        assert!(read(call(&mut model).await.unwrap()).await.1.is_none());
        recorders.ended(None).await;
    });
}
