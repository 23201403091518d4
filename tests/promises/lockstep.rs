//! Promises 1, 2 and 5 for lockstep handlers. The stream itself may poll their futures, which must not show,
//! wherever it is polled and however it ends.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{FutureExt, StreamExt, executor::block_on};
use http_body_util::BodyExt;
use proptest::prelude::*;
use support::http::{HELLO, Scripted, Step, data, event_stream, prompt, text_event};
use support::schedule::{Gate, Stuck, counting, flushed, within, wrap};
use support::{FLAVORS, Mode, PATIENCE, quiet_panics, request};
use tokio::{runtime::Builder, time::sleep};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_llm_callbacks::{
    Abort, CallbackLayer, Callbacks, Delta, EventData, EventKind, HttpCallbackLayer, LlmChunk,
    Registration,
    chat::ChatRequest,
    on_event_async, on_llm_new_token,
    testing::{Recorder, Script, assert_promises},
};

const LOCKSTEP: [Mode; 2] = [Mode::AWAITED[1], Mode::AWAITED[3]];

/// A chunk whose decoding panics after a first token.
#[derive(Debug, Clone)]
struct Bomb;

impl LlmChunk for Bomb {
    const HAS_END_MARK: bool = false;

    fn deltas(&self, each: &mut dyn FnMut(Delta<'_>)) {
        each(Delta::text("tick"));
        panic!("scripted panic");
    }
}

#[tokio::test]
async fn a_chunk_that_panics_while_decoded_leaves_no_event_behind() {
    quiet_panics();
    for mode in Mode::ALL {
        let recorder = Recorder::new();
        let callbacks = Callbacks::new().add(mode.handler(recorder.clone()));
        let inner = service_fn(|_: ChatRequest| async {
            Ok::<_, BoxError>(futures::stream::iter([Ok::<_, BoxError>(Bomb)]))
        });
        let mut model = CallbackLayer::new(callbacks.clone()).layer(inner);
        let mut answer = within(model.ready().await.unwrap().call(request())).await.unwrap();
        flushed(&callbacks).await;
        // Every woken task has run.
        sleep(Duration::from_millis(5)).await;
        let read = AssertUnwindSafe(async { answer.next().await.is_some() }).catch_unwind().await;
        assert!(read.is_err());
        let _ = catch_unwind(AssertUnwindSafe(|| drop(answer)));
        flushed(&callbacks).await;
        assert_eq!(recorder.text(), "tick", "{mode:?}");
        assert_eq!(recorder.terminals().len(), 1, "{mode:?}");
        assert_promises(&recorder.events());
    }
}

#[test]
fn an_async_handler_runs_in_its_runtime_when_polled_elsewhere() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for polls_in in [None, Some(Builder::new_current_thread().build().unwrap())] {
        for mode in [Mode::AWAITED[2], Mode::AWAITED[3], Mode::BACKGROUND[1]] {
            let recorder = Recorder::new();
            let record = recorder.clone();
            let handler = on_event_async(move |run, event| {
                let record = record.clone();
                async move {
                    // The handler needs the runtime's timer and spawner.
                    sleep(Duration::from_millis(1)).await;
                    let record = async move {
                        tower_llm_callbacks::CallbackHandler::on_event(&record, &run, &event);
                    };
                    tokio::spawn(record).await.unwrap();
                }
            });
            let faults = Arc::new(Mutex::new(Vec::new()));
            let hook = faults.clone();
            let callbacks = Callbacks::new()
                .runtime(runtime.handle().clone())
                .on_fault(move |fault| hook.lock().unwrap().push(fault.clone()))
                .add(mode.deliver(Registration::async_handler(handler)));
            let (_, mut model) = wrap(&callbacks, counting(3));
            let call = async {
                let answer = model.ready().await.unwrap().call(request()).await.unwrap();
                answer.collect::<Vec<_>>().await.len()
            };
            let items = match &polls_in {
                None => block_on(call),
                Some(other) => other.block_on(call),
            };
            assert_eq!(items, 5);
            runtime.block_on(flushed(&callbacks));
            assert!(faults.lock().unwrap().is_empty(), "{mode:?}: {:?}", faults.lock().unwrap());
            assert_eq!(recorder.kinds().len(), 5, "{mode:?}");
            assert_promises(&recorder.events());
        }
    }
    runtime.shutdown_timeout(PATIENCE);
}

#[tokio::test]
async fn a_handler_continues_after_its_waiting_stream_is_dropped() {
    for mode in LOCKSTEP {
        let gate = Gate::new();
        let stuck = Stuck::at(EventKind::LlmNewToken, &gate);
        let callbacks = Callbacks::new().add(mode.handler(stuck.clone()));
        let (_, mut model) = wrap(&callbacks, counting(3));
        let mut answer = within(model.ready().await.unwrap().call(request())).await.unwrap();
        assert!(answer.next().now_or_never().is_none());
        drop(answer);
        gate.open();
        flushed(&callbacks).await;
        assert_eq!(stuck.returned.text(), "0 ", "{mode:?}");
        assert_eq!(stuck.returned.terminals().len(), 1, "{mode:?}");
        assert_promises(&stuck.recorder.events());
    }
}

/// A handler that aborts at a token, after it has waited a while. It is asynchronous, blocking or inline.
fn aborts_at(token: usize, mode: Mode, pauses: Vec<u8>) -> Registration {
    let at = token as u64;
    let Mode::Async(_) = mode else {
        let handler = on_llm_new_token(move |run, token| {
            if token.index() == at {
                run.abort(Abort::new("enough"));
            }
        });
        return match mode {
            Mode::Inline => Registration::inline(handler),
            _ => mode.deliver(Registration::blocking(handler)),
        };
    };
    mode.deliver(Registration::async_handler(on_event_async(move |run, event| {
        let pauses = pauses.clone();
        async move {
            let EventData::LlmNewToken(token) = event.data() else { return };
            match pauses.get(token.index() as usize % pauses.len().max(1)) {
                Some(pause @ 1..4) => {
                    for _ in 0..*pause {
                        tokio::task::yield_now().await;
                    }
                }
                Some(4) => sleep(Duration::from_micros(50)).await,
                _ => {}
            }
            if token.index() == at {
                run.abort(Abort::new("enough"));
            }
        }
    })))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// An item on which a handler aborts does not reach the consumer, whatever the handler waits for before.
    #[test]
    fn an_item_on_which_a_handler_aborts_is_withheld(
        at in 0_usize..6,
        mode in prop::sample::select(vec![Mode::Inline, LOCKSTEP[0], LOCKSTEP[1], LOCKSTEP[1]]),
        flavor in prop::sample::select(FLAVORS.to_vec()),
        handler in prop::collection::vec(0_u8..6, 0..7),
        model in prop::collection::vec(0_u8..4, 8),
    ) {
        let callbacks = Callbacks::new().add(aborts_at(at, mode, handler));
        flavor.runtime().block_on(within(async {
            let script = model.iter().fold(Script::new().respond(), |script, wait| match wait {
                0 => script.yields().text("a"),
                1 => script.pause(Duration::from_micros(30)).text("a"),
                _ => script.text("a"),
            });
            let (_, mut typed) = wrap(&callbacks, script.complete("stop"));
            let answer = typed.ready().await.unwrap().call(request()).await.unwrap();
            let items: Vec<_> = answer.collect().await;
            assert_eq!(items.iter().filter(|item| item.is_ok()).count(), at, "typed");

            let waits = |wait: &u8| [data(text_event("a")), Step::Wait].into_iter().take(if *wait < 2 { 2 } else { 1 });
            let frames = [data(HELLO[0])].into_iter().chain(model.iter().flat_map(waits));
            let body = Scripted::new(frames.collect::<Vec<_>>());
            let upstream = service_fn(move |_| {
                let body = body.clone();
                async move { Ok::<_, BoxError>(event_stream(body)) }
            });
            let service = HttpCallbackLayer::new(callbacks.clone()).layer(upstream);
            let body = service.oneshot(prompt()).await.unwrap().into_body();
            let frames: Vec<_> = body.into_data_stream().collect().await;
            let read = frames.iter().flatten().filter(|frame| frame.windows(10).any(|text| text == b"text_delta"));
            assert_eq!(read.count(), at, "HTTP");
        }));
    }
}

/// A token whose handler returns at once takes another way than one whose handler waits. The order is the same, whichever
/// comes when, also where a handler reads another answer meanwhile.
#[tokio::test]
async fn tokens_come_in_order_whether_the_handler_waits_or_not() {
    const TOKENS: usize = 200;
    for nested in [false, true] {
        let (outer, inner) = (Recorder::new(), Recorder::new());
        let of_inner = Callbacks::new().add(Registration::async_handler(inner.clone()).lockstep());
        let (_, other) = wrap(&of_inner, Script::answer(["x", "y"]));
        let recorder = outer.clone();
        let handler = on_event_async(move |run, event| {
            let (recorder, other) = (recorder.clone(), other.clone());
            async move {
                if event.seq() % 3 == 1 {
                    tokio::task::yield_now().await;
                }
                if nested && event.seq() % 2 == 1 {
                    let answer = other.oneshot(request()).await.unwrap();
                    assert_eq!(answer.count().await, 4);
                }
                if event.seq() % 5 == 1 {
                    sleep(Duration::from_micros(50)).await;
                }
                tower_llm_callbacks::CallbackHandler::on_event(&recorder, &run, &event);
            }
        });
        let callbacks = Callbacks::new().add(Registration::async_handler(handler).lockstep());
        let texts: Vec<String> = (0..TOKENS).map(|token| format!("{token} ")).collect();
        let (_, model) = wrap(&callbacks, Script::answer(texts.clone()));
        let mut answer = within(model.oneshot(request())).await.unwrap();
        let mut seen = 0;
        while let Some(item) = within(answer.next()).await {
            item.unwrap();
            seen = (seen + 1).min(TOKENS);
            // Handled before the consumer gets it.
            assert!(outer.text().len() >= texts[..seen].iter().map(String::len).sum());
        }
        flushed(&callbacks).await;
        flushed(&of_inner).await;
        assert_eq!(outer.text(), texts.concat());
        assert_promises(&outer.events());
        assert_promises(&inner.events());
        let calls = if nested { inner.terminals().len() } else { TOKENS / 2 };
        assert!((TOKENS / 2..=TOKENS / 2 + 1).contains(&calls), "{calls}");
    }
}

/// A token that the handler fails on is lost, and no more.
#[tokio::test]
async fn a_token_that_fails_at_once_is_counted_as_lost() {
    quiet_panics();
    for waits in [false, true] {
        let faults = support::Faults::default();
        let handler = on_event_async(move |_, event| async move {
            if event.kind() == EventKind::LlmNewToken {
                if waits {
                    tokio::task::yield_now().await;
                }
                panic!("scripted panic");
            }
        });
        let callbacks = Callbacks::new()
            .on_fault(faults.hook())
            .add(Registration::async_handler(handler).lockstep());
        let (_, model) = wrap(&callbacks, Script::answer(["a", "b"]));
        let answer = within(model.oneshot(request())).await.unwrap();
        within(answer.count()).await;
        flushed(&callbacks).await;
        let faults = faults.all();
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].lost_events, 1, "{waits}");
    }
}
