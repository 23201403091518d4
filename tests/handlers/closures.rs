//! What users implement and how it is added: wrappers forward every method, one instance counts once,
//! closures hear what their name says, and what goes between threads can.

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
    EventMask, Registration, Run,
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
fn closures_hear_what_their_name_says() {
    on_each_runtime(|| async {
        type Make = fn(&Callbacks, Box<dyn Fn(String) + Send + Sync>) -> Callbacks;
        let makes: [(Make, &[&str]); 7] = [
            (
                |all, say| {
                    all.clone().blocking(on_event(move |_, event| say(event.kind().to_string())))
                },
                &ALL,
            ),
            (
                |all, say| {
                    let say = Arc::new(say);
                    all.clone().async_handler(on_event_async(move |run, event| {
                        let say = Arc::clone(&say);
                        async move {
                            tokio::task::yield_now().await;
                            assert_eq!(run.name(), "llm");
                            say(event.kind().to_string());
                        }
                    }))
                },
                &ALL,
            ),
            (
                |all, say| {
                    all.clone()
                        .blocking(on_llm_start(move |_, start| say(start.provider.to_string())))
                },
                &["unknown"; 2],
            ),
            (
                |all, say| {
                    all.clone().blocking(on_llm_new_token(move |_, token| say(token.text().into())))
                },
                &["a", "b", "c"],
            ),
            (
                |all, say| {
                    all.clone().blocking(on_llm_end(move |_, result| say(result.text().into())))
                },
                &["ab"],
            ),
            (
                |all, say| {
                    all.clone().blocking(on_llm_error(move |_, error| say(error.to_string())))
                },
                &["transport: no"],
            ),
            (
                |all, say| {
                    all.clone().blocking(on_llm_result(move |_, result, error| {
                        say(format!("{} {:?}", result.text(), error.map(|error| error.kind())));
                    }))
                },
                &["ab None", "c Some(Transport)"],
            ),
        ];
        for (make, expected) in makes {
            let (lines, say) = lines();
            two_calls(&make(&Callbacks::new(), Box::new(say))).await;
            assert_eq!(*lines.lock().unwrap(), expected);
        }
    });
}

#[test]
fn closures_want_only_what_they_hear() {
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
fn settings_that_make_no_sense_panic() {
    let handler = || Registration::blocking(on_llm_new_token(|_, _| {}));
    type Set = fn(Registration) -> Registration;
    let panics: [(Set, &str); 4] = [
        (|handler| handler.capacity(0), "capacity must be at least 1 event"),
        (|handler| handler.deadline(Duration::ZERO), "deadline must be longer than zero"),
        (|handler| handler.threads(0), "needs at least 1 thread"),
        (|handler| handler.max_undelivered_runs(0), "must be allowed at least 1 run"),
    ];
    for (set, says) in panics {
        let payload = panic_of(|| set(handler()));
        let message = payload.downcast_ref::<&str>().unwrap();
        assert!(message.contains(says), "{message}");
    }
    let least = handler().capacity(1).deadline(Duration::from_nanos(1)).threads(1);
    let most = least.max_undelivered_runs(1).capacity(usize::MAX).deadline(Duration::MAX);
    drop(most.threads(usize::MAX).max_undelivered_runs(usize::MAX));
}

/// The largest settings work, and those of other ways to deliver are no harm.
#[test]
fn extreme_settings_work() {
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

/// What a handler is called is in its debug form and in that of its set.
#[test]
fn names() {
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

/// Inline, and then made something else: it runs on threads after all.
#[test]
fn the_last_word_on_delivery_counts() {
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

/// One instance, added in every way: told once, the first way it was added.
#[test]
fn the_same_arc_is_told_once() {
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

        // Two instances are two, also of a type that has no size.
        struct Nothing;
        impl CallbackHandler for Nothing {}
        let set = Callbacks::new().blocking(Nothing).blocking(Nothing).inline(Arc::new(Nothing));
        assert_eq!(set.inline(Arc::new(Nothing)).inline(Box::new(Nothing)).len(), 5);
    });
}

#[test]
fn interests_algebra() {
    use EventKind::*;
    let kinds = [
        LlmStart,
        LlmNewToken,
        LlmEnd,
        LlmError,
        ChainStart,
        ChainEnd,
        ChainError,
        ToolStart,
        ToolEnd,
        ToolError,
        RetrieverStart,
        RetrieverEnd,
        RetrieverError,
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
            assert_eq!(event_mask.contains(kind), among.contains(&kind), "{event_mask:?} {kind}");
            assert_eq!(EventMask::of(kind).intersects(event_mask), among.contains(&kind));
        }
        assert!(!union.intersects(event_mask), "{event_mask:?} overlaps");
        union = union | event_mask;
        assert_eq!(union | event_mask, union);
    }
    for kind in kinds {
        assert!(union.contains(kind) && EventMask::ALL.contains(kind));
        assert!(
            !EventMask::NONE.contains(kind)
                && !(EventMask::ALL - EventMask::of(kind)).contains(kind)
        );
        assert!(!EventMask::TOKEN_TIMES.contains(kind));
    }
    assert_eq!(EventMask::ALL - EventMask::ALL, EventMask::NONE);
    assert_eq!(EventMask::NONE - EventMask::LLM, EventMask::NONE);
    assert_eq!((EventMask::LLM - EventMask::LLM_END) | EventMask::LLM_END, EventMask::LLM);
    assert!(EventMask::ALL.intersects(EventMask::TOKEN_TIMES));
    assert!(
        !union.intersects(EventMask::TOKEN_TIMES) && !EventMask::ALL.intersects(EventMask::NONE)
    );
}
