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

/// Says which of its methods are called.
#[derive(Clone, Default)]
struct Says(Lines);

impl Says {
    fn say(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

const WANTS: EventMask = EventMask::LLM;

macro_rules! says {
    ($($method:ident: $payload:ty,)*) => {
        impl CallbackHandler for Says {
            fn event_mask(&self) -> EventMask {
                WANTS
            }
            $(fn $method(&self, _: &Run, _: &$payload) {
                self.say(stringify!($method));
            })*
        }

        impl AsyncCallbackHandler for Says {
            fn event_mask(&self) -> EventMask {
                WANTS
            }
            $(async fn $method(&self, _: &Run, _: &$payload) {
                tokio::task::yield_now().await;
                self.say(stringify!($method));
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

// No `on_retry`: nobody but the crate makes its payload.
says! {
    on_llm_start: LlmStart, on_llm_new_token: Token, on_llm_end: LlmResult, on_llm_error: RunError,
    on_chain_start: RunInput, on_chain_end: RunOutput, on_chain_error: RunError,
    on_tool_start: RunInput, on_tool_end: RunOutput, on_tool_error: RunError,
    on_retriever_start: RunInput, on_retriever_end: RunOutput, on_retriever_error: RunError,
    on_custom_event: CustomEvent, on_event: Event,
}

/// One of each kind.
struct Payloads(Vec<Box<dyn Any + Send + Sync>>);

impl Payloads {
    fn get<T: 'static>(&self) -> &T {
        self.0.iter().find_map(|payload| payload.downcast_ref()).expect("a payload of the type")
    }
}

/// A run, and payloads as calls make them.
async fn payloads() -> (Run, Payloads) {
    let told: Arc<Mutex<Vec<(Run, Event)>>> = Arc::default();
    let seen = Arc::clone(&told);
    let note = on_event(move |run, event| {
        if event.kind().is_start() {
            run.emit("note", 1).unwrap();
        }
        seen.lock().unwrap().push((run.clone(), event.clone()));
    });
    two_calls(&Callbacks::new().inline(note)).await;
    let told = std::mem::take(&mut *told.lock().unwrap());
    let run = told[0].0.clone();
    let mut payloads = Payloads(vec![
        Box::new(RunInput::default()),
        Box::new(RunOutput::default()),
        Box::new(told[0].1.clone()),
    ]);
    for (_, event) in told {
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
        let says = Says::default();
        let each = call_each(&run, &says, &payloads);
        assert_eq!(std::mem::take(&mut *says.0.lock().unwrap()), each);

        let boxed: Box<dyn CallbackHandler> = Box::new(says.clone());
        let shared: Arc<dyn CallbackHandler> = Arc::new(says.clone());
        call_each(&run, &boxed, &payloads);
        call_each(&run, &shared, &payloads);
        call_each(&run, &Some(says.clone()), &payloads);
        call_each(&run, &Arc::new(Box::new(Some(says.clone()))), &payloads);
        let lines = std::mem::take(&mut *says.0.lock().unwrap());
        assert_eq!(lines, each.repeat(4));
        call_each(&run, &None::<Says>, &payloads);

        call_each_async(&run, &Box::new(says.clone()), &payloads).await;
        call_each_async(&run, &Arc::new(says.clone()), &payloads).await;
        call_each_async(&run, &Some(says.clone()), &payloads).await;
        call_each_async(&run, &Box::new(Arc::new(Some(says.clone()))), &payloads).await;
        let lines = std::mem::take(&mut *says.0.lock().unwrap());
        assert_eq!(lines, each.repeat(4));
        call_each_async(&run, &None::<Says>, &payloads).await;
        assert!(says.0.lock().unwrap().is_empty());
    });
}

#[test]
fn interests_are_forwarded() {
    let says = Says::default();
    fn blocking(handler: &impl CallbackHandler) -> EventMask {
        handler.event_mask()
    }
    fn async_handler(handler: &impl AsyncCallbackHandler) -> EventMask {
        handler.event_mask()
    }
    for event_mask in [
        blocking(&Box::new(says.clone())),
        blocking(&Arc::new(says.clone())),
        blocking(&Some(says.clone())),
        blocking(&(Box::new(says.clone()) as Box<dyn CallbackHandler>)),
        async_handler(&Box::new(says.clone())),
        async_handler(&Arc::new(says.clone())),
        async_handler(&Some(says)),
    ] {
        assert_eq!(event_mask, WANTS);
    }
    assert_eq!(blocking(&None::<Says>), EventMask::NONE);
    assert_eq!(async_handler(&None::<Says>), EventMask::NONE);
}

/// An override of the method for all events is heard through wrappers, and the others no more.
#[test]
fn an_override_of_on_event_is_heard() {
    on_each_runtime(|| async {
        let says = [(); 8].map(|()| Says::default());
        let [a, b, c, d, e, f, g, h] = says.clone();
        let set = Callbacks::new()
            .blocking(Arc::new(a))
            .blocking(Box::new(b))
            .blocking(Some(c))
            .inline(Arc::new(Box::new(d) as Box<dyn CallbackHandler>))
            .async_handler(Arc::new(e))
            .async_handler(Box::new(f))
            .async_handler(Some(g))
            .async_handler(Arc::new(Some(Box::new(h))))
            .blocking(None::<Says>)
            .async_handler(None::<Says>);
        two_calls(&set).await;
        for says in says {
            assert_eq!(*says.0.lock().unwrap(), ["on_event"; ALL.len()]);
        }
    });
}

/// Without an override, `on_event` calls the method for the kind.
#[test]
fn events_reach_the_method_for_their_kind() {
    struct Methods(Says);
    macro_rules! methods {
        ($($async_handler:tt)?) => {
            $($async_handler)? fn on_llm_start(&self, run: &Run, _: &LlmStart) {
                self.0.say("start");
                run.emit("note", 1).unwrap();
            }
            $($async_handler)? fn on_llm_new_token(&self, _: &Run, token: &Token) {
                self.0.say(token.text());
            }
            $($async_handler)? fn on_llm_end(&self, _: &Run, result: &LlmResult) {
                self.0.say(&format!("end {}", result.text()));
            }
            $($async_handler)? fn on_llm_error(&self, _: &Run, error: &RunError) {
                self.0.say(&format!("{error} {}", error.result().text()));
            }
            $($async_handler)? fn on_custom_event(&self, _: &Run, custom: &CustomEvent) {
                self.0.say(&custom.name);
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
        let methods = || Methods(Says::default());
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

/// Wrapped anew each time, it is the same handler that is inside.
#[test]
fn the_innermost_identity_counts() {
    on_each_runtime(|| async {
        let says = Arc::new(Says::default());
        let wrapped = || Arc::new(Some(Box::new(Arc::clone(&says))));
        let set = Callbacks::new().blocking(wrapped()).async_handler(wrapped()).inline(wrapped());
        assert_eq!(set.len(), 1);
        let layer = CallbackLayer::new(set.clone())
            .inheritable_callbacks(&Callbacks::new().inline(wrapped()));
        let mut model = layer.layer(ScriptedModel::new(Script::answer(["a"])));
        read(model.call(request()).await.unwrap()).await;
        assert!(set.flush(PATIENCE).await.is_complete());
        let heard = says.0.lock().unwrap().len();
        assert_eq!(heard, [EventKind::LlmStart, EventKind::LlmNewToken, EventKind::LlmEnd].len());
    });
}
