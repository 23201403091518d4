//! Promise 9, pay for what is used: without handlers and inheritable settings no run is made, and data that
//! no handler asks for is not built.

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

/// A request that counts how often its start is built, and how often its prompt.
#[derive(Clone, Default)]
struct Counted {
    starts_built: Arc<AtomicUsize>,
    prompts_built: Arc<AtomicUsize>,
}

impl LlmRequest for Counted {
    fn llm_start(&self) -> LlmStart {
        self.starts_built.fetch_add(1, Ordering::SeqCst);
        let prompts_built = Arc::clone(&self.prompts_built);
        LlmStart::new("acme", "complete").messages(Prompt::lazy(move || {
            prompts_built.fetch_add(1, Ordering::SeqCst);
            json!(["Hi"])
        }))
    }
}

impl Counted {
    fn starts_built(&self) -> usize {
        self.starts_built.load(Ordering::SeqCst)
    }

    fn prompts_built(&self) -> usize {
        self.prompts_built.load(Ordering::SeqCst)
    }
}

type Items = Iter<std::array::IntoIter<Result<ChatChunk, BoxError>, 3>>;

/// A model that records whether it was called in a run.
fn model_recording_runs(
    in_run: Arc<Mutex<Vec<bool>>>,
) -> ServiceFn<impl Fn(Counted) -> Ready<Result<Items, BoxError>> + Clone> {
    service_fn(move |_: Counted| {
        in_run.lock().unwrap().push(Run::current().is_some());
        let chunks = [ChatChunk::text("a"), ChatChunk::text("b"), ChatChunk::Done];
        ready(Ok(stream::iter(chunks.map(Ok))))
    })
}

/// Whether a call of the layer is made in a run, and the counts of its request.
async fn has_run(layer: &CallbackLayer) -> (bool, Counted) {
    let (request, in_run) = (Counted::default(), Arc::default());
    let mut service = layer.layer(model_recording_runs(Arc::clone(&in_run)));
    let stream = service.call(request.clone()).await.unwrap();
    let (got, error) = read(stream).await;
    assert_eq!((got.len(), error.is_none()), (3, true));
    let in_run = in_run.lock().unwrap();
    assert_eq!(in_run.len(), 1);
    (in_run[0], request)
}

/// A layer with local settings only.
fn silent() -> CallbackLayer {
    CallbackLayer::new(Callbacks::new()).name("silent").tags(["local"]).metadata("local", 1)
}

#[test]
fn without_handlers_and_inheritable_settings_no_run_is_made() {
    on_each_runtime(|| async {
        let tasks = Handle::current().metrics().num_alive_tasks();
        let (in_run, request) = has_run(&silent()).await;
        assert!(!in_run);
        assert_eq!((request.starts_built(), request.prompts_built()), (0, 0));
        let (in_run, request) = RunConfig::new().run_name("a").scope(has_run(&silent())).await;
        assert!(!in_run);
        assert_eq!(request.starts_built(), 0);
        assert_eq!(Handle::current().metrics().num_alive_tasks(), tasks);
    });
}

#[test]
fn inheritable_settings_make_a_run() {
    on_each_runtime(|| async {
        for layer in [
            silent().inheritable_tags(["a"]),
            silent().inheritable_metadata("a", 1),
            silent().inheritable_callbacks(Callbacks::new().inline(Recorder::new())),
        ] {
            assert!(has_run(&layer).await.0, "{layer:?}");
        }
        for config in [
            RunConfig::new().tags(["a"]),
            RunConfig::new().metadata("a", 1),
            RunConfig::new().callbacks(Callbacks::new().inline(Recorder::new())),
        ] {
            let config: RunConfig = config;
            assert!(config.scope(has_run(&silent())).await.0);
        }
    });
}

/// Settings are inherited, but there is no handler: the run is made, and nothing is built.
#[test]
fn a_run_without_handlers_builds_nothing() {
    on_each_runtime(|| async {
        let (in_run, request) = has_run(&silent().inheritable_tags(["a"])).await;
        assert!(in_run);
        assert_eq!((request.starts_built(), request.prompts_built()), (0, 0));
    });
}

/// A handler with an event mask, which records its events.
#[derive(Clone)]
struct MaskedHandler {
    event_mask: EventMask,
    recorder: Recorder,
    mask_reads: Arc<AtomicUsize>,
}

impl MaskedHandler {
    fn new(event_mask: EventMask) -> Self {
        Self { event_mask, recorder: Recorder::new(), mask_reads: Arc::default() }
    }

    fn event_mask(&self) -> EventMask {
        self.mask_reads.fetch_add(1, Ordering::SeqCst);
        self.event_mask
    }
}

impl CallbackHandler for MaskedHandler {
    fn event_mask(&self) -> EventMask {
        self.event_mask()
    }

    fn on_event(&self, run: &Run, event: &Event) {
        CallbackHandler::on_event(&self.recorder, run, event);
    }
}

impl AsyncCallbackHandler for MaskedHandler {
    fn event_mask(&self) -> EventMask {
        self.event_mask()
    }

    async fn on_event(&self, run: &Run, event: &Event) {
        AsyncCallbackHandler::on_event(&self.recorder, run, event).await;
    }
}

fn set(mode: Mode, masked: &MaskedHandler) -> Callbacks {
    Callbacks::new().add(mode.handler(masked.clone()))
}

/// A handler receives the events of its mask and no others. The gaps show in their numbers.
#[test]
fn a_handler_receives_only_the_events_of_its_mask() {
    use EventKind::*;
    for (event_mask, expected) in [
        (EventMask::ALL - EventMask::LLM_NEW_TOKEN, &[(LlmStart, 0), (Custom, 3), (LlmEnd, 4)][..]),
        (EventMask::LLM_START | EventMask::LLM_END, &[(LlmStart, 0), (LlmEnd, 4)]),
        (EventMask::LLM_NEW_TOKEN, &[(LlmNewToken, 1), (LlmNewToken, 2)]),
        (EventMask::CUSTOM, &[(Custom, 3)]),
        (EventMask::LLM_END, &[(LlmEnd, 4)]),
        (EventMask::LLM_ERROR, &[]),
    ] {
        in_each_mode(move |mode| async move {
            let masked = MaskedHandler::new(event_mask);
            let callbacks = set(mode, &masked);
            let script = Script::new().respond().text("a").text("b").chunk(ChatChunk::Done);
            let (handler, runs) = support::runs();
            let layer = CallbackLayer::new(callbacks.clone().add(handler));
            let mut stream = call(&mut layer.layer(ScriptedModel::new(script))).await.unwrap();
            assert_eq!(read((&mut stream).take(2)).await.0.len(), 2);
            runs.lock().unwrap()[0].emit("note", 1).unwrap();
            assert_eq!(read(stream).await.0.len(), 1);
            assert!(callbacks.flush(PATIENCE).await.is_complete());
            let events = masked.recorder.events();
            let seen: Vec<_> = events.iter().map(|event| (event.kind(), event.seq)).collect();
            assert_eq!(seen, expected);
            let broken = Checker::new().event_mask(event_mask).check(&events);
            assert!(broken.is_empty(), "{broken:?}");
            // The mask is read when the handler is added, and not for each call.
            assert_eq!(masked.mask_reads.load(Ordering::SeqCst), 1);
        });
    }
}

#[test]
fn an_unwanted_start_is_not_built() {
    in_each_mode(|mode| async move {
        let tokens = MaskedHandler::new(EventMask::LLM_NEW_TOKEN);
        let callbacks = set(mode, &tokens);
        let (in_run, request) =
            has_run(&CallbackLayer::new(callbacks.clone()).without_estimates()).await;
        assert!(callbacks.flush(PATIENCE).await.is_complete());
        assert!(in_run);
        assert_eq!((request.starts_built(), request.prompts_built()), (0, 0));
        // The result repeats what was requested, but not the prompt.
        let ends = MaskedHandler::new(EventMask::LLM_END);
        let callbacks = set(mode, &ends);
        let (_, request) =
            has_run(&CallbackLayer::new(callbacks.clone()).without_estimates()).await;
        assert!(callbacks.flush(PATIENCE).await.is_complete());
        assert_eq!((request.starts_built(), request.prompts_built()), (1, 0));
        // The start is numbered nevertheless.
        assert_eq!(ends.recorder.terminals()[0].seq, 3);
    });
}

/// A lazy prompt is built when a handler reads it, once for all handlers.
#[test]
fn a_prompt_is_built_when_a_handler_reads_it() {
    in_each_mode(|mode| async move {
        let callbacks = set(mode, &MaskedHandler::new(EventMask::ALL));
        let (_, request) =
            has_run(&CallbackLayer::new(callbacks.clone()).without_estimates()).await;
        assert!(callbacks.flush(PATIENCE).await.is_complete());
        assert_eq!(
            (request.starts_built(), request.prompts_built()),
            (1, 0),
            "no handler read the prompt"
        );
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
        assert_eq!((request.starts_built(), request.prompts_built()), (1, 1));
        assert_eq!(*seen.lock().unwrap(), vec![Some(json!(["Hi"])); 2 * MODES.len()]);
    });
}

/// A handler whose events cannot occur in runs of this type has no task and is not notified.
#[test]
fn a_handler_of_other_run_types_has_no_task() {
    in_each_mode(|mode| async move {
        for (event_mask, costs) in [
            (EventMask::TOOL | EventMask::CHAIN | EventMask::RETRIEVER, false),
            (EventMask::NONE, false),
            (EventMask::ALL, mode.is_async()),
        ] {
            let masked = MaskedHandler::new(event_mask);
            let callbacks = set(mode, &masked);
            let tasks = Handle::current().metrics().num_alive_tasks();
            let model = ScriptedModel::new(Script::new().respond().text("a").hang());
            let mut model = CallbackLayer::new(callbacks.clone()).layer(model);
            let stream = call(&mut model).await.unwrap();
            let more = Handle::current().metrics().num_alive_tasks() > tasks;
            // A thread of a handler may have started a task to see the runtime end.
            assert!(more == costs || !mode.is_async(), "{event_mask:?}");
            drop(stream);
            assert!(callbacks.flush(PATIENCE).await.is_complete());
            assert_eq!(masked.recorder.events().is_empty(), event_mask != EventMask::ALL);
            // A handler's tasks end with it: they must not be counted in the next round.
            drop((model, callbacks));
        }
    });
}

/// A handler without events does not affect the others.
#[test]
fn a_handler_without_events_does_not_affect_others() {
    in_each_mode(|mode| async move {
        let recorders =
            Recorders::new(&MODES).with(mode.handler(MaskedHandler::new(EventMask::NONE)));
        let (_, mut model) = recorders.model(Script::answer(["a", "b"]));
        assert!(read(call(&mut model).await.unwrap()).await.1.is_none());
        recorders.ended(None).await;
    });
}
