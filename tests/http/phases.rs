//! Promise 3 over HTTP: the inner service waits for starts, the terminal waits for tokens, and the client's
//! last frame waits for the terminal. Nothing else waits, and nothing waits once the call is dropped.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use support::Mode;
use support::http::{
    HELLO, STOP, Scripted, Step, WHOLE, answered, data, event_stream, json, trailers,
};
use support::schedule::{Gate, Stuck, flushed, on_both_runtimes, until, within};
use tokio_test::{assert_pending, assert_ready, task};
use tower::{BoxError, Layer, Service, service_fn};
use tower_llm_callbacks::{
    Abort, Aborted, Callbacks, Delivery, EventKind, HttpCallbackLayer, Registration,
    http_layer::{RequestBody, ResponseBody},
    on_event,
    testing::assert_promises,
};

/// A handler in `mode` that blocks at events of `kind`.
fn stuck_at(mode: Mode, kind: EventKind, gate: &Gate) -> (Stuck, Callbacks, HttpCallbackLayer) {
    let stuck = Stuck::at(kind, gate);
    let callbacks = Callbacks::new().add(mode.handler(stuck.clone()));
    let layer = HttpCallbackLayer::new(callbacks.clone());
    (stuck, callbacks, layer)
}

type Answer = ResponseBody<Scripted>;

/// Reads frames that are ready.
fn frames(body: &mut task::Spawn<Answer>, count: usize) {
    for _ in 0..count {
        let frame = body.enter(|cx, body| body.poll_frame(cx));
        assert!(assert_ready!(frame).unwrap().is_ok());
    }
}

fn next(body: &mut task::Spawn<Answer>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
    body.enter(|cx, body| body.poll_frame(cx))
}

#[test]
fn the_inner_service_waits_for_awaited_handlers_to_return_from_the_start() {
    on_both_runtimes(|| async {
        for mode in Mode::AWAITED {
            // A request with a ready body, and one with a late body.
            for steps in [vec![], vec![Step::Wait, data("{}")]] {
                let gate = Gate::new();
                let (stuck, callbacks, layer) = stuck_at(mode, EventKind::LlmStart, &gate);
                let calls = Arc::new(AtomicUsize::new(0));
                let inner = service_fn(|_: Request<RequestBody<Scripted>>| {
                    calls.fetch_add(1, Ordering::SeqCst);
                    std::future::ready(Ok::<_, BoxError>(json(200, Full::<Bytes>::from(WHOLE))))
                });
                let request = support::http::post(Scripted::new(steps));
                let mut call = task::spawn(layer.layer(inner).call(request));
                until(|| {
                    assert_pending!(call.poll());
                    !stuck.recorder.events().is_empty()
                })
                .await;
                assert_eq!(calls.load(Ordering::SeqCst), 0, "{mode:?}");
                gate.open();
                let response = within(call.into_inner()).await.unwrap();
                assert_eq!(calls.load(Ordering::SeqCst), 1);
                within(response.into_body().collect()).await.unwrap();
                flushed(&callbacks).await;
                assert_promises(&stuck.recorder.events());
            }
        }
    });
}

/// Bodies, and the number of frames before the one that must wait.
fn bodies() -> Vec<(&'static str, Response<Scripted>, usize)> {
    let steps = |more: &[Step]| -> Vec<Step> {
        HELLO.into_iter().map(data).chain(more.iter().cloned()).collect()
    };
    let hello = || Scripted::new(steps(&[]));
    let with_trailers = || Scripted::new(steps(&[trailers()]));
    let mut declared = event_stream(hello());
    let length = HELLO.concat().len();
    declared.headers_mut().insert("content-length", length.into());
    let fails = Scripted::new(steps(&[Step::Fail]));
    let cut = |then| Scripted::new(HELLO.into_iter().take(3).map(data).chain([then]));
    vec![
        ("the frame that completes the length", event_stream(hello().exact()), 4),
        ("the frame that completes the declared length", declared, 4),
        ("the known last frame", event_stream(hello().knows_end()), 4),
        ("the end", event_stream(hello()), 5),
        ("trailers", event_stream(with_trailers()), 5),
        ("trailers known to be last", event_stream(with_trailers().knows_end()), 5),
        ("an empty last frame", event_stream(Scripted::new(steps(&[data("")])).knows_end()), 5),
        ("an error after the mark", event_stream(fails), 5),
        ("an error", event_stream(cut(Step::Fail)), 3),
        ("an early end", event_stream(cut(Step::Wait)), 3),
        ("the end of an unstreamed answer", json(200, Scripted::chunks([WHOLE])), 1),
        ("the last frame of an unstreamed answer", json(200, Scripted::chunks([WHOLE]).exact()), 0),
        ("the end of an error answer", json(400, Scripted::chunks([WHOLE])), 1),
        ("the last frame of an error answer", json(400, Scripted::chunks([WHOLE]).exact()), 0),
    ]
}

#[test]
fn the_last_frame_waits_for_awaited_handlers_to_return_from_the_terminal() {
    on_both_runtimes(|| async {
        for mode in Mode::AWAITED {
            for at in [EventKind::LlmEnd, EventKind::LlmError, EventKind::LlmNewToken] {
                for (what, answer, before) in bodies() {
                    let gate = Gate::new();
                    let (stuck, callbacks, layer) = stuck_at(mode, at, &gate);
                    let lockstep = matches!(
                        mode,
                        Mode::Blocking(Delivery::Lockstep) | Mode::Async(Delivery::Lockstep)
                    );
                    if at == EventKind::LlmNewToken && lockstep {
                        continue;
                    }
                    let reached = |stuck: &Stuck| stuck.recorder.kinds().contains(&at);
                    let response = within(answered(&layer, || answer.clone())).await;
                    let mut body = task::spawn(response.into_body());
                    for _ in 0..before {
                        // In lockstep mode every token is awaited.
                        until(|| next(&mut body).is_ready()).await;
                    }
                    // This answer may not emit the event at which the handler blocks.
                    let mut item = Poll::Pending;
                    until(|| {
                        item = next(&mut body);
                        item.is_ready() || reached(&stuck)
                    })
                    .await;
                    assert_eq!(item.is_pending(), reached(&stuck), "{mode:?} {at:?} {what}");
                    if item.is_pending() {
                        assert!(!body.is_end_stream(), "{what}");
                        assert!(stuck.returned.terminals().is_empty());
                        gate.open();
                        until(|| next(&mut body).is_ready()).await;
                    }
                    assert_eq!(stuck.returned.terminals().len(), 1, "{mode:?} {at:?} {what}");
                    flushed(&callbacks).await;
                    assert_promises(&stuck.recorder.events());
                }
            }
        }
    });
}

#[test]
fn an_empty_response_waits_too() {
    on_both_runtimes(|| async {
        for mode in Mode::AWAITED {
            for body in [Scripted::new([]).knows_end(), Scripted::new([]).exact()] {
                let gate = Gate::new();
                let (stuck, _, layer) = stuck_at(mode, EventKind::LlmError, &gate);
                let answer = || json(500, body.clone());
                let mut call = task::spawn(Box::pin(answered(&layer, answer)));
                until(|| {
                    assert_pending!(call.poll());
                    !stuck.recorder.terminals().is_empty()
                })
                .await;
                gate.open();
                assert_eq!(within(call.into_inner()).await.status(), 500);
                assert_eq!(stuck.returned.terminals().len(), 1);
            }
        }
    });
}

#[test]
fn the_frame_with_the_end_mark_and_later_frames_are_not_held() {
    on_both_runtimes(|| async {
        for mode in [Mode::AWAITED[0], Mode::AWAITED[2]] {
            for at in [EventKind::LlmNewToken, EventKind::LlmEnd] {
                let gate = Gate::new();
                let (stuck, callbacks, layer) = stuck_at(mode, at, &gate);
                let more = [data(STOP), data(HELLO[1]), data("nonsense")];
                let steps: Vec<_> = HELLO.into_iter().map(data).chain(more).collect();
                let answer = || event_stream(Scripted::new(steps.clone()));
                let mut body = task::spawn(within(answered(&layer, answer)).await.into_body());
                frames(&mut body, 8);
                assert_pending!(next(&mut body));
                drop(body);
                gate.open();
                flushed(&callbacks).await;
                assert_eq!(stuck.recorder.text(), "Hello");
                assert_eq!(stuck.recorder.kinds().last(), Some(&EventKind::LlmEnd));
                assert_promises(&stuck.recorder.events());
            }
        }
    });
}

#[test]
fn nothing_waits_once_dropped() {
    on_both_runtimes(|| async {
        for mode in Mode::AWAITED {
            let gate = Gate::new();
            let (stuck, callbacks, layer) = stuck_at(mode, EventKind::LlmNewToken, &gate);
            let other = tower_llm_callbacks::testing::Recorder::new();
            let layer = layer.inheritable_callbacks(Callbacks::new().blocking(other.clone()));
            let alive = support::http::Alive::default();
            let answer = || event_stream(Scripted::chunks(HELLO).alive(&alive));
            let mut body = task::spawn(within(answered(&layer, answer)).await.into_body());
            until(|| {
                let _ = next(&mut body);
                !stuck.recorder.text().is_empty()
            })
            .await;
            drop(body);
            assert_eq!(alive.count(), 0);
            until(|| other.terminals().len() == 1).await;
            assert!(stuck.recorder.terminals().is_empty(), "its own tokens are delivered first");
            gate.open();
            flushed(&callbacks).await;
            assert_promises(&stuck.recorder.events());
            assert_promises(&other.events());
        }
    });
}

#[test]
fn a_lockstep_token_is_handled_before_its_frame_is_yielded() {
    on_both_runtimes(|| async {
        for mode in [Mode::AWAITED[1], Mode::AWAITED[3]] {
            // Also with the token and the end mark in one frame.
            let last = [HELLO[2], HELLO[3], STOP].concat();
            for pieces in
                [HELLO.map(String::from).to_vec(), vec![HELLO[0].into(), HELLO[1].into(), last]]
            {
                let gate = Gate::new();
                let (stuck, callbacks, layer) = stuck_at(mode, EventKind::LlmNewToken, &gate);
                let answer = || event_stream(Scripted::chunks(pieces.clone()));
                let mut body = task::spawn(within(answered(&layer, answer)).await.into_body());
                frames(&mut body, 1);
                until(|| {
                    assert_pending!(next(&mut body));
                    stuck.recorder.text() == "Hel"
                })
                .await;
                gate.open();
                let mut body = body.into_inner();
                let mut shown = String::new();
                while let Some(frame) = within(body.frame()).await {
                    shown += std::str::from_utf8(frame.unwrap().data_ref().unwrap()).unwrap();
                    let handled = stuck.returned.text();
                    assert!(handled == "Hello" || !shown.contains("\"lo\""), "{handled}: {shown}");
                }
                flushed(&callbacks).await;
                assert_promises(&stuck.recorder.events());
            }
        }
    });
}

#[test]
fn an_abort_drops_the_held_frame() {
    on_both_runtimes(|| async {
        for mode in [Mode::AWAITED[1], Mode::AWAITED[3]] {
            for pieces in [vec![HELLO[0], HELLO[1], HELLO[2]], vec![HELLO[0], HELLO[1]]] {
                let gate = Gate::new();
                let alive = support::http::Alive::default();
                let (kept, keep) = support::schedule::keep_run();
                let (stuck, callbacks, _) = stuck_at(mode, EventKind::LlmNewToken, &gate);
                let layer = HttpCallbackLayer::new(callbacks.clone().add(keep));
                let answer =
                    || event_stream(Scripted::chunks(pieces.clone()).exact().alive(&alive));
                let mut body = task::spawn(within(answered(&layer, answer)).await.into_body());
                frames(&mut body, 1);
                until(|| {
                    assert_pending!(next(&mut body));
                    !stuck.recorder.text().is_empty()
                })
                .await;
                assert!(support::schedule::kept(&kept).abort(Abort::new("enough")));
                assert_pending!(next(&mut body));
                assert_eq!(
                    alive.count(),
                    0,
                    "the upstream body is dropped while handlers are awaited"
                );
                gate.open();
                let item = within(body.into_inner().frame()).await;
                assert!(item.unwrap().unwrap_err().is::<Aborted>());
                flushed(&callbacks).await;
                assert_promises(&stuck.recorder.events());
            }
        }
    });
}

/// A body whose end becomes known between two polls, as with HTTP/2.
struct KnownLater {
    frames: Vec<Bytes>,
    known: Arc<AtomicBool>,
}

impl Body for KnownLater {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(self.frames.pop().map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && self.known.load(Ordering::SeqCst)
    }
}

#[test]
fn an_end_known_between_two_polls_is_not_a_cancellation() {
    on_both_runtimes(|| async {
        let known = Arc::new(AtomicBool::new(false));
        let recorder = tower_llm_callbacks::testing::Recorder::new();
        let callbacks = Callbacks::new().async_handler(recorder.clone());
        let layer = HttpCallbackLayer::new(callbacks.clone());
        let answer = || {
            let frames = vec![Bytes::from(HELLO[1]), HELLO[0].into()];
            event_stream(KnownLater { frames, known: Arc::clone(&known) })
        };
        let mut body = within(answered(&layer, answer)).await.into_body();
        let mut frames = 0;
        // Servers check after each frame whether it was the last.
        while let Some(frame) = within(body.frame()).await {
            frame.unwrap();
            frames += 1;
            known.store(frames == 2, Ordering::SeqCst);
            if body.is_end_stream() {
                break;
            }
        }
        drop(body);
        flushed(&callbacks).await;
        let error = recorder.terminals()[0].error().unwrap().kind();
        assert_eq!(error, tower_llm_callbacks::ErrorKind::Truncated);
    });
}

#[test]
fn inline_and_background_handlers_are_never_awaited() {
    on_both_runtimes(|| async {
        for mode in Mode::BACKGROUND {
            for (what, answer, before) in bodies() {
                let gate = Gate::new();
                let stuck = Stuck::always(&gate);
                let handler = mode.handler(stuck.clone()).capacity(1);
                let inline = Registration::inline(on_event(|_, _| {}));
                let callbacks = Callbacks::new().add(handler).add(inline);
                let layer = HttpCallbackLayer::new(callbacks.clone());
                let mut call = task::spawn(answered(&layer, || answer.clone()));
                let response = assert_ready!(call.poll(), "{what}");
                let mut body = task::spawn(response.into_body());
                frames(&mut body, before);
                // Some bodies are pending once themselves.
                assert!(next(&mut body).is_ready() || next(&mut body).is_ready(), "{what}");
                gate.open();
                flushed(&callbacks).await;
                assert_promises(&stuck.recorder.events());
            }
        }
    });
}
