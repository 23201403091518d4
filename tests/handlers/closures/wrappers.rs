//! `Arc`, `Box` and `Option` of a handler are handlers that forward every method.

use std::{
    any::Any,
    sync::{Arc, Mutex},
};

use support::{PATIENCE, read, request};
use tower::{Layer, Service};
use tower_llm_callbacks::{
    AsyncCallbackHandler, CallbackHandler, CallbackLayer, Callbacks, Event, EventData, EventKind,
    EventMask, LlmResult, LlmStart, Run, RunError, RunInput, RunOutput, Token,
    event::CustomEvent,
    on_event,
    testing::{Script, ScriptedModel},
};

use super::{ALL, Lines, on_each_runtime, two_calls};

/// Records the names of the methods called.
#[derive(Clone, Default)]
struct MethodLog(Lines);

impl MethodLog {
    fn note(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

const MASK: EventMask = EventMask::LLM;

macro_rules! implement_all {
    ($($method:ident: $payload:ty,)*) => {
        impl CallbackHandler for MethodLog {
            fn event_mask(&self) -> EventMask {
                MASK
            }
            $(fn $method(&self, _: &Run, _: &$payload) {
                self.note(stringify!($method));
            })*
        }

        impl AsyncCallbackHandler for MethodLog {
            fn event_mask(&self) -> EventMask {
                MASK
            }
            $(async fn $method(&self, _: &Run, _: &$payload) {
                tokio::task::yield_now().await;
                self.note(stringify!($method));
            })*
        }

        /// Calls every method of a wrapper with a payload of its own kind.
        fn call_each(
            run: &Run,
            handler: &impl CallbackHandler,
            payloads: &Payloads,
        ) -> Vec<&'static str> {
            $(handler.$method(run, payloads.get::<$payload>());)*
            vec![$(stringify!($method)),*]
        }

        async fn call_each_async(
            run: &Run,
            handler: &impl AsyncCallbackHandler,
            payloads: &Payloads,
        ) {
            $(handler.$method(run, payloads.get::<$payload>()).await;)*
        }
    };
}

// `on_retry` is left out: only the crate can build its payload.
implement_all! {
    on_llm_start: LlmStart, on_llm_new_token: Token, on_llm_end: LlmResult, on_llm_error: RunError,
    on_chain_start: RunInput, on_chain_end: RunOutput, on_chain_error: RunError,
    on_tool_start: RunInput, on_tool_end: RunOutput, on_tool_error: RunError,
    on_retriever_start: RunInput, on_retriever_end: RunOutput, on_retriever_error: RunError,
    on_custom_event: CustomEvent, on_event: Event,
}

/// One payload of each type.
struct Payloads(Vec<Box<dyn Any + Send + Sync>>);

impl Payloads {
    fn get<T: 'static>(&self) -> &T {
        self.0.iter().find_map(|payload| payload.downcast_ref()).expect("a payload of the type")
    }
}

/// A run, and payloads taken from real calls.
async fn payloads() -> (Run, Payloads) {
    let events: Arc<Mutex<Vec<(Run, Event)>>> = Arc::default();
    let seen = Arc::clone(&events);
    let note = on_event(move |run, event| {
        if event.kind().is_start() {
            run.emit("note", 1).unwrap();
        }
        seen.lock().unwrap().push((run.clone(), event.clone()));
    });
    two_calls(&Callbacks::new().inline(note)).await;
    let events = std::mem::take(&mut *events.lock().unwrap());
    let run = events[0].0.clone();
    let mut payloads = Payloads(vec![
        Box::new(RunInput::default()),
        Box::new(RunOutput::default()),
        Box::new(events[0].1.clone()),
    ]);
    for (_, event) in events {
        payloads.0.push(match event.data() {
            EventData::LlmStart(start) => Box::new(LlmStart::clone(start)),
            EventData::LlmNewToken(token) => Box::new(token.clone()),
            EventData::LlmEnd(result) => Box::new(LlmResult::clone(result)),
            EventData::LlmError(error) => Box::new(RunError::clone(error)),
            EventData::Custom(custom) => Box::new(CustomEvent::clone(custom)),
            other => unreachable!("{other:?}"),
        });
    }
    (run, payloads)
}

#[test]
fn every_method_is_forwarded() {
    on_each_runtime(|| async {
        let (run, payloads) = payloads().await;
        let log = MethodLog::default();
        let each = call_each(&run, &log, &payloads);
        assert_eq!(std::mem::take(&mut *log.0.lock().unwrap()), each);

        let boxed: Box<dyn CallbackHandler> = Box::new(log.clone());
        let shared: Arc<dyn CallbackHandler> = Arc::new(log.clone());
        call_each(&run, &boxed, &payloads);
        call_each(&run, &shared, &payloads);
        call_each(&run, &Some(log.clone()), &payloads);
        call_each(&run, &Arc::new(Box::new(Some(log.clone()))), &payloads);
        let lines = std::mem::take(&mut *log.0.lock().unwrap());
        assert_eq!(lines, each.repeat(4));
        call_each(&run, &None::<MethodLog>, &payloads);

        call_each_async(&run, &Box::new(log.clone()), &payloads).await;
        call_each_async(&run, &Arc::new(log.clone()), &payloads).await;
        call_each_async(&run, &Some(log.clone()), &payloads).await;
        call_each_async(&run, &Box::new(Arc::new(Some(log.clone()))), &payloads).await;
        let lines = std::mem::take(&mut *log.0.lock().unwrap());
        assert_eq!(lines, each.repeat(4));
        call_each_async(&run, &None::<MethodLog>, &payloads).await;
        assert!(log.0.lock().unwrap().is_empty());
    });
}

#[test]
fn interests_are_forwarded() {
    let log = MethodLog::default();
    fn blocking(handler: &impl CallbackHandler) -> EventMask {
        handler.event_mask()
    }
    fn async_handler(handler: &impl AsyncCallbackHandler) -> EventMask {
        handler.event_mask()
    }
    for event_mask in [
        blocking(&Box::new(log.clone())),
        blocking(&Arc::new(log.clone())),
        blocking(&Some(log.clone())),
        blocking(&(Box::new(log.clone()) as Box<dyn CallbackHandler>)),
        async_handler(&Box::new(log.clone())),
        async_handler(&Arc::new(log.clone())),
        async_handler(&Some(log)),
    ] {
        assert_eq!(event_mask, MASK);
    }
    assert_eq!(blocking(&None::<MethodLog>), EventMask::NONE);
    assert_eq!(async_handler(&None::<MethodLog>), EventMask::NONE);
}

/// Wrappers forward an overridden `on_event`. The methods for single kinds are then not called.
#[test]
fn an_overridden_on_event_is_called_through_wrappers() {
    on_each_runtime(|| async {
        let logs = [(); 8].map(|()| MethodLog::default());
        let [a, b, c, d, e, f, g, h] = logs.clone();
        let set = Callbacks::new()
            .blocking(Arc::new(a))
            .blocking(Box::new(b))
            .blocking(Some(c))
            .inline(Arc::new(Box::new(d) as Box<dyn CallbackHandler>))
            .async_handler(Arc::new(e))
            .async_handler(Box::new(f))
            .async_handler(Some(g))
            .async_handler(Arc::new(Some(Box::new(h))))
            .blocking(None::<MethodLog>)
            .async_handler(None::<MethodLog>);
        two_calls(&set).await;
        for log in logs {
            assert_eq!(*log.0.lock().unwrap(), ["on_event"; ALL.len()]);
        }
    });
}

/// Without an override, `on_event` calls the method for the kind.
#[test]
fn events_reach_the_method_for_their_kind() {
    struct Methods(MethodLog);
    macro_rules! methods {
        ($($async_handler:tt)?) => {
            $($async_handler)? fn on_llm_start(&self, run: &Run, _: &LlmStart) {
                self.0.note("start");
                run.emit("note", 1).unwrap();
            }
            $($async_handler)? fn on_llm_new_token(&self, _: &Run, token: &Token) {
                self.0.note(token.text());
            }
            $($async_handler)? fn on_llm_end(&self, _: &Run, result: &LlmResult) {
                self.0.note(&format!("end {}", result.text()));
            }
            $($async_handler)? fn on_llm_error(&self, _: &Run, error: &RunError) {
                self.0.note(&format!("{error} {}", error.result().unwrap().text()));
            }
            $($async_handler)? fn on_custom_event(&self, _: &Run, custom: &CustomEvent) {
                self.0.note(&custom.name);
            }
        };
    }
    impl CallbackHandler for Methods {
        methods!();
    }
    impl AsyncCallbackHandler for Methods {
        methods!(async);
    }
    on_each_runtime(|| async {
        let methods = || Methods(MethodLog::default());
        let [inline, blocking, async_handler] = [methods(), methods(), methods()].map(Arc::new);
        for set in [
            Callbacks::new().inline(Arc::clone(&inline)),
            Callbacks::new().blocking(Arc::clone(&blocking)),
            Callbacks::new().async_handler(Arc::clone(&async_handler)),
        ] {
            two_calls(&set).await;
        }
        let expected =
            ["start", "note", "a", "b", "end ab", "start", "note", "c", "transport: no c"];
        for methods in [inline, blocking, async_handler] {
            assert_eq!(*methods.0.0.lock().unwrap(), expected);
        }
    });
}

/// A handler wrapped anew at each registration is still one handler.
#[test]
fn the_innermost_handler_is_the_identity() {
    on_each_runtime(|| async {
        let log = Arc::new(MethodLog::default());
        let wrapped = || Arc::new(Some(Box::new(Arc::clone(&log))));
        let set = Callbacks::new().blocking(wrapped()).async_handler(wrapped()).inline(wrapped());
        assert_eq!(set.len(), 1);
        let layer = CallbackLayer::new(set.clone())
            .inheritable_callbacks(Callbacks::new().inline(wrapped()));
        let mut model = layer.layer(ScriptedModel::new(Script::answer(["a"])));
        read(model.call(request()).await.unwrap()).await;
        assert!(set.flush(PATIENCE).await.is_complete());
        let calls = log.0.lock().unwrap().len();
        assert_eq!(calls, [EventKind::LlmStart, EventKind::LlmNewToken, EventKind::LlmEnd].len());
    });
}
