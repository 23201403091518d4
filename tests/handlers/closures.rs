//! Users' handlers and how they are added: wrappers forward every method, an instance counts once, closures
//! receive the events in their name, and public types are as `Send` and `Sync` as what they wrap.

mod bounds;
mod wrappers;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use support::{MODES, PATIENCE, Recorders, call, on_each_runtime, panic_of, read};
use tower::Layer;
use tower_llm_callbacks::{
    AsyncCallbackHandler, CallbackHandler, CallbackLayer, Callbacks, Delivery, Event, EventKind,
    EventMask, Registration, Run, RunType,
    callbacks::Overflow,
    on_event, on_event_async, on_llm_end, on_llm_error, on_llm_new_token, on_llm_result,
    on_llm_start,
    testing::{Script, ScriptedModel},
};

type Lines = Arc<Mutex<Vec<String>>>;

fn lines() -> (Lines, impl Fn(String) + Clone + Send + Sync + 'static) {
    let lines = Lines::default();
    let seen = Arc::clone(&lines);
    (lines, move |line| seen.lock().unwrap().push(line))
}

/// A call that completes and one that fails.
async fn two_calls(callbacks: &Callbacks) {
    let complete = Script::answer(["a", "b"]);
    let fails = Script::new().respond().text("c").fail("no");
    for script in [complete, fails] {
        let mut model = CallbackLayer::new(callbacks.clone()).layer(ScriptedModel::new(script));
        read(call(&mut model).await.unwrap()).await;
    }
    assert!(callbacks.flush(PATIENCE).await.is_complete());
}

const ALL: [&str; 7] = [
    "llm_start",
    "llm_new_token",
    "llm_new_token",
    "llm_end",
    "llm_start",
    "llm_new_token",
    "llm_error",
];

#[test]
fn closures_receive_the_events_in_their_name() {
    on_each_runtime(|| async {
        type Make = fn(&Callbacks, Box<dyn Fn(String) + Send + Sync>) -> Callbacks;
        let makes: [(Make, &[&str]); 7] = [
            (
                |all, log| {
                    all.clone().blocking(on_event(move |_, event| log(event.kind().to_string())))
                },
                &ALL,
            ),
            (
                |all, log| {
                    let log = Arc::new(log);
                    all.clone().async_handler(on_event_async(move |run, event| {
                        let log = Arc::clone(&log);
                        async move {
                            tokio::task::yield_now().await;
                            assert_eq!(run.name(), "llm");
                            log(event.kind().to_string());
                        }
                    }))
                },
                &ALL,
            ),
            (
                |all, log| {
                    all.clone()
                        .blocking(on_llm_start(move |_, start| log(start.provider.to_string())))
                },
                &["unknown"; 2],
            ),
            (
                |all, log| {
                    all.clone().blocking(on_llm_new_token(move |_, token| log(token.text().into())))
                },
                &["a", "b", "c"],
            ),
            (
                |all, log| {
                    all.clone().blocking(on_llm_end(move |_, result| log(result.text().into())))
                },
                &["ab"],
            ),
            (
                |all, log| {
                    all.clone().blocking(on_llm_error(move |_, error| log(error.to_string())))
                },
                &["transport: no"],
            ),
            (
                |all, log| {
                    all.clone().blocking(on_llm_result(move |_, result, error| {
                        log(format!("{} {:?}", result.text(), error.map(|error| error.kind())));
                    }))
                },
                &["ab None", "c Some(Transport)"],
            ),
        ];
        for (make, expected) in makes {
            let (lines, log) = lines();
            two_calls(&make(&Callbacks::new(), Box::new(log))).await;
            assert_eq!(*lines.lock().unwrap(), expected);
        }
    });
}

#[test]
fn closures_mask_all_other_events() {
    assert_eq!(on_event(|_, _| {}).event_mask(), EventMask::ALL);
    assert_eq!(on_llm_start(|_, _| {}).event_mask(), EventMask::LLM_START);
    assert_eq!(on_llm_new_token(|_, _| {}).event_mask(), EventMask::LLM_NEW_TOKEN);
    assert_eq!(on_llm_end(|_, _| {}).event_mask(), EventMask::LLM_END);
    assert_eq!(on_llm_error(|_, _| {}).event_mask(), EventMask::LLM_ERROR);
    let terminals = EventMask::LLM_END | EventMask::LLM_ERROR;
    assert_eq!(on_llm_result(|_, _, _| {}).event_mask(), terminals);
    let shown = format!("{:?} {:?}", on_llm_new_token(|_, _| {}), on_event_async(|_, _| async {}));
    assert!(shown.contains("FnHandler") && shown.contains("AsyncFnHandler"), "{shown}");
}

#[test]
fn invalid_settings_panic() {
    let handler = || Registration::blocking(on_llm_new_token(|_, _| {}));
    type Set = fn(Registration) -> Registration;
    let panics: [(Set, &str); 4] = [
        (|handler| handler.capacity(0), "capacity must be at least 1 event"),
        (|handler| handler.deadline(Duration::ZERO), "deadline must be longer than zero"),
        (|handler| handler.threads(0), "needs at least 1 thread"),
        (|handler| handler.max_undelivered_runs(0), "must be allowed at least 1 run"),
    ];
    for (set, expected) in panics {
        let payload = panic_of(|| set(handler()));
        let message = payload.downcast_ref::<&str>().unwrap();
        assert!(message.contains(expected), "{message}");
    }
    let least = handler().capacity(1).deadline(Duration::from_nanos(1)).threads(1);
    let most = least.max_undelivered_runs(1).capacity(usize::MAX).deadline(Duration::MAX);
    drop(most.threads(usize::MAX).max_undelivered_runs(usize::MAX));
}

/// The largest values work. A setting of another delivery mode has no effect.
#[test]
fn the_largest_settings_work() {
    on_each_runtime(|| async {
        for mode in MODES {
            let count = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&count);
            let handler = mode.closure(move |_, _| {
                counted.fetch_add(1, Ordering::SeqCst);
            });
            let handler = handler
                .capacity(usize::MAX)
                .deadline(Duration::MAX)
                .threads(usize::MAX)
                .max_undelivered_runs(usize::MAX)
                .overflow(Overflow::Wait);
            two_calls(&Callbacks::new().add(handler)).await;
            assert_eq!(count.load(Ordering::SeqCst), ALL.len(), "{mode:?}");
        }
    });
}

/// A handler's name is in its debug output and in that of its set.
#[test]
fn debug_output_contains_handler_names() {
    let handler = Registration::blocking(Named).background().name("audit");
    let shown = format!("{handler:?}");
    assert!(shown.contains("\"audit\"") && shown.contains("Background"), "{shown}");
    let set = Callbacks::new().add(handler).blocking(Named);
    let shown = format!("{set:?}");
    assert!(shown.starts_with("[\"audit\", ") && shown.contains("::Named\""), "{shown}");
    assert_eq!((set.len(), set.is_empty(), Callbacks::new().is_empty()), (2, false, true));
}

struct Named;

impl CallbackHandler for Named {}

/// A handler made inline and then given another delivery runs on threads.
#[test]
fn the_last_delivery_set_wins() {
    on_each_runtime(|| async {
        let caller = std::thread::current().id();
        for (handler, delivery) in [
            (Registration::inline as fn(_) -> _, Delivery::Pipelined),
            (Registration::blocking, Delivery::Lockstep),
        ] {
            let threads = Arc::new(Mutex::new(Vec::new()));
            let seen = Arc::clone(&threads);
            let handler: Registration = handler(Box::new(on_event(move |_, _| {
                seen.lock().unwrap().push(std::thread::current().id());
            })) as Box<dyn CallbackHandler>);
            let handler = match delivery {
                Delivery::Lockstep => handler.background().lockstep(),
                _ => handler.pipelined(),
            };
            two_calls(&Callbacks::new().add(handler)).await;
            let threads = threads.lock().unwrap();
            assert_eq!(threads.len(), ALL.len());
            assert!(!threads.contains(&caller));
        }
    });
}

/// An instance added by several routes is notified once. Its first registration decides the delivery.
#[test]
fn an_arc_added_repeatedly_is_notified_once() {
    #[derive(Default)]
    struct Counts(AtomicUsize);
    impl CallbackHandler for Counts {
        fn on_event(&self, _: &Run, _: &Event) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    impl AsyncCallbackHandler for Counts {
        async fn on_event(&self, _: &Run, _: &Event) {
            self.0.fetch_add(1_000, Ordering::SeqCst);
        }
    }
    on_each_runtime(|| async {
        let counts = Arc::new(Counts::default());
        let shared: Arc<dyn CallbackHandler> = counts.clone();
        let set = Callbacks::new()
            .blocking(Arc::clone(&counts))
            .inline(Arc::clone(&counts))
            .async_handler(Arc::clone(&counts))
            .blocking(shared)
            .blocking(Box::new(Arc::clone(&counts)))
            .async_handler(Some(Arc::clone(&counts)))
            .blocking(Arc::new(Arc::clone(&counts)));
        assert_eq!(set.len(), 1);
        two_calls(&set).await;
        assert_eq!(counts.0.load(Ordering::SeqCst), ALL.len());

        let counts = Arc::new(Counts::default());
        let set = Callbacks::new().async_handler(Arc::clone(&counts)).blocking(Arc::clone(&counts));
        two_calls(&set).await;
        assert_eq!(counts.0.load(Ordering::SeqCst), 1_000 * ALL.len());

        // Two instances are two handlers, also of a zero-sized type.
        struct ZeroSized;
        impl CallbackHandler for ZeroSized {}
        let set =
            Callbacks::new().blocking(ZeroSized).blocking(ZeroSized).inline(Arc::new(ZeroSized));
        assert_eq!(set.inline(Arc::new(ZeroSized)).inline(Box::new(ZeroSized)).len(), 5);
    });
}

#[test]
fn event_mask_set_operations() {
    use EventKind::*;
    let kinds = [
        LlmStart,
        LlmNewToken,
        LlmEnd,
        LlmError,
        EventKind::RunStart(RunType::Chain),
        EventKind::RunEnd(RunType::Chain),
        EventKind::RunError(RunType::Chain),
        EventKind::RunStart(RunType::Tool),
        EventKind::RunEnd(RunType::Tool),
        EventKind::RunError(RunType::Tool),
        EventKind::RunStart(RunType::Retriever),
        EventKind::RunEnd(RunType::Retriever),
        EventKind::RunError(RunType::Retriever),
        Retry,
        Custom,
    ];
    let groups = [
        (EventMask::LLM, &kinds[..4]),
        (EventMask::CHAIN, &kinds[4..7]),
        (EventMask::TOOL, &kinds[7..10]),
        (EventMask::RETRIEVER, &kinds[10..13]),
        (EventMask::RETRY, &kinds[13..14]),
        (EventMask::CUSTOM, &kinds[14..]),
    ];
    let mut union = EventMask::NONE;
    for (event_mask, among) in groups {
        for kind in kinds {
            assert_eq!(event_mask.wants(kind), among.contains(&kind), "{event_mask:?} {kind}");
            assert_eq!(EventMask::of(kind).intersects(event_mask), among.contains(&kind));
        }
        assert!(!union.intersects(event_mask), "{event_mask:?} overlaps");
        union |= event_mask;
        assert_eq!(union | event_mask, union);
    }
    for kind in kinds {
        assert!(union.wants(kind) && EventMask::ALL.wants(kind));
        assert!(
            !EventMask::NONE.wants(kind) && !(EventMask::ALL - EventMask::of(kind)).wants(kind)
        );
        assert!(!EventMask::TOKEN_TIMES.wants(kind));
    }
    assert_eq!(EventMask::ALL - EventMask::ALL, EventMask::NONE);
    assert_eq!(EventMask::NONE - EventMask::LLM, EventMask::NONE);
    assert_eq!((EventMask::LLM - EventMask::LLM_END) | EventMask::LLM_END, EventMask::LLM);
    assert!(EventMask::ALL.intersects(EventMask::TOKEN_TIMES));
    assert!(
        !union.intersects(EventMask::TOKEN_TIMES) && !EventMask::ALL.intersects(EventMask::NONE)
    );
}
