//! `DrainLayer`, above a callback layer.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::pin,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use proptest::{collection::vec, prelude::*, sample::select};
use support::{
    Flavor, MODES, Mode, PATIENCE, Recorders, everywhere,
    http::{
        Alive, HELLO, Scripted, Step, Upstream, WHOLE, data, event_stream, json, prompt, read,
        text_event, trailers,
    },
};
use tokio::{runtime::Runtime, time::Instant};
use tower::{Layer, ServiceExt, service_fn};
use tower_llm_callbacks::{
    ErrorKind, HttpCallbackLayer, LlmResult,
    drain::{DrainBody, DrainLayer, DrainStats},
    http_layer::ResponseBody,
};

type Answer = DrainBody<ResponseBody<Scripted>>;

/// An answer whose frames come one by one.
fn slow() -> Scripted {
    Scripted::new(HELLO.into_iter().flat_map(|frame| [Step::Wait, data(frame)]))
}

fn call(
    drain: &DrainLayer,
    recorders: &Recorders,
    response: &Response<Scripted>,
) -> BoxFuture<'static, Response<Answer>> {
    let (layer, response) = (HttpCallbackLayer::new(recorders.callbacks.clone()), response.clone());
    let service = drain.layer(layer.layer(Upstream(move || response.clone())));
    Box::pin(service.oneshot(prompt()).map(Result::unwrap))
}

async fn read_some(body: &mut Answer, frames: usize) {
    for _ in 0..frames {
        body.frame().await.unwrap().unwrap();
    }
}

async fn drained(drain: &DrainLayer) -> DrainStats {
    assert!(drain.flush(PATIENCE).await);
    drain.stats()
}

#[track_caller]
fn assert_whole(result: &LlmResult) {
    assert_eq!(result.text(), "Hello");
    let usage = result.usage.as_ref().unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens), (Some(3), Some(2)));
}

#[test]
fn a_body_that_is_dropped_midway_is_read_to_its_end_and_cancelled() {
    for frames in 0..=3 {
        everywhere(move |recorders| async move {
            let (drain, alive) = (DrainLayer::new(), Alive::default());
            let body = slow().alive(&alive);
            let mut response = call(&drain, &recorders, &event_stream(body.clone())).await;
            read_some(response.body_mut(), frames).await;
            drop(response);
            assert_eq!(drained(&drain).await.finished, 1);
            drop(body);
            assert_eq!(alive.count(), 0);
            let end = recorders.ended(Some(ErrorKind::Cancelled)).await;
            assert_whole(end.result().unwrap());
            let message = "the client dropped the call; the answer was read to its end";
            assert_eq!(end.error().unwrap().message(), message);
        });
    }
}

#[test]
fn a_body_that_is_dropped_after_its_finish_reason_is_complete() {
    for frames in 4..=5 {
        everywhere(move |recorders| async move {
            let drain = DrainLayer::new();
            let mut response = call(&drain, &recorders, &event_stream(slow())).await;
            read_some(response.body_mut(), frames).await;
            drop(response);
            assert_eq!(drained(&drain).await.finished, 1);
            assert_whole(recorders.ended(None).await.result().unwrap());
        });
    }
}

/// An answer that is not streamed has nothing before its end.
#[test]
fn a_whole_answer_is_read_to_its_end() {
    everywhere(|recorders| async move {
        let drain = DrainLayer::new();
        let (first, second) = WHOLE.split_at(40);
        let body = Scripted::new([data(first), Step::Wait, data(second), Step::Wait]);
        let mut response = call(&drain, &recorders, &json(200, body.clone())).await;
        read_some(response.body_mut(), 1).await;
        drop(response);
        assert_eq!(drained(&drain).await.finished, 1);
        let end = recorders.ended(Some(ErrorKind::Cancelled)).await;
        assert_whole(end.result().unwrap());
        assert!(!end.result().unwrap().streamed);
    });
}

/// The response comes after the client has gone, with an answer or an error.
#[test]
fn a_call_without_its_response_is_read_to_its_end() {
    let failed = r#"{"type":"error","error":{"type":"overloaded_error","message":"later"}}"#;
    let answers = [
        (event_stream(slow()), ErrorKind::Cancelled),
        (json(200, Scripted::chunks([WHOLE]).knows_end()), ErrorKind::Cancelled),
        (json(529, Scripted::chunks([failed])), ErrorKind::Provider),
    ];
    for (answer, kind) in answers {
        everywhere(move |recorders| {
            let answer = answer.clone();
            async move {
                let drain = DrainLayer::new();
                let (asked, is_asked) = tokio::sync::oneshot::channel();
                let asked = Arc::new(Mutex::new(Some(asked)));
                let upstream = service_fn(move |_: Request<_>| {
                    let (asked, answer) = (asked.lock().unwrap().take(), answer.clone());
                    async move {
                        asked.unwrap().send(()).unwrap();
                        tokio::task::yield_now().await;
                        tokio::task::yield_now().await;
                        Ok::<_, Infallible>(answer)
                    }
                });
                let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
                let client =
                    tokio::spawn(drain.layer(layer.layer(upstream)).oneshot(prompt()).map(drop));
                is_asked.await.unwrap();
                client.abort();
                let gone = client.await.is_err();
                let stats = drained(&drain).await;
                assert_eq!(stats.finished, 1);
                // On several threads the client may have the response by then.
                let end = recorders.ended(Some(kind)).await;
                assert!(gone || kind != ErrorKind::Provider || end.error().is_some());
                match kind {
                    ErrorKind::Cancelled => assert_whole(end.result().unwrap()),
                    _ => assert_eq!(end.error().unwrap().message(), "later"),
                }
            }
        });
    }
}

#[test]
fn a_body_that_its_server_has_read_is_not_drained() {
    let answers: [fn() -> Response<Scripted>; 5] = [
        || event_stream(Scripted::chunks(HELLO)),
        || event_stream(Scripted::chunks(HELLO).knows_end()),
        || event_stream(Scripted::chunks(HELLO).exact()),
        || event_stream(Scripted::new(HELLO.map(data).into_iter().chain([trailers()]))),
        || {
            let mut response = event_stream(Scripted::chunks(HELLO));
            let length = HELLO.concat().len().into();
            response.headers_mut().insert(http::header::CONTENT_LENGTH, length);
            response
        },
    ];
    for (number, answer) in answers.into_iter().enumerate() {
        everywhere(move |recorders| async move {
            let drain = DrainLayer::new();
            let mut response = call(&drain, &recorders, &answer()).await;
            // Which of them a server polls for their end.
            let frames = match number {
                0 => {
                    read(response.body_mut()).await;
                    0
                }
                3 => 6,
                _ => 5,
            };
            read_some(response.body_mut(), frames).await;
            drop(response);
            assert_eq!(drain.stats(), DrainStats::default(), "{number}");
            recorders.ended(None).await;
        });
    }
}

#[test]
fn a_drain_is_bounded_in_bytes() {
    let frame = text_event("Hi");
    // Of 4 such frames, of which one is read.
    let bytes = 3 * frame.len() as u64;
    for (limit, whole) in [(0, false), (bytes - 1, false), (bytes, true)] {
        let frame = frame.clone();
        everywhere(move |recorders| {
            let frame = frame.clone();
            async move {
                let drain = DrainLayer::new().max_bytes(limit);
                let (alive, steps) = (Alive::default(), [(); 4].map(|()| data(frame.clone())));
                let end = if whole { Step::Wait } else { Step::Hang };
                let body = Scripted::new(steps.into_iter().chain([end])).alive(&alive);
                let mut response = call(&drain, &recorders, &event_stream(body.clone())).await;
                read_some(response.body_mut(), 1).await;
                drop((response, body));
                let stats = drained(&drain).await;
                assert_eq!((stats.finished, stats.too_large), (whole as u64, !whole as u64));
                assert_eq!(alive.count(), 0);
                recorders.ended(Some(ErrorKind::Cancelled)).await;
            }
        });
    }
}

#[test]
fn a_drain_is_bounded_in_time() {
    let mut builder = Flavor::Current.builder();
    builder.enable_all().start_paused(true).build().unwrap().block_on(async {
        let recorders = Recorders::new(&MODES);
        let (drain, alive) = (DrainLayer::new().max_time(Duration::from_secs(7)), Alive::default());
        let body = Scripted::new([data(HELLO[0]), data(HELLO[1]), Step::Hang]).alive(&alive);
        let response = call(&drain, &recorders, &event_stream(body.clone())).await;
        drop(body);
        let began = Instant::now();
        drop(response);
        assert_eq!(alive.count(), 1);
        assert_eq!(drained(&drain).await.timed_out, 1);
        assert_eq!(began.elapsed(), Duration::from_secs(7));
        assert_eq!(alive.count(), 0);
        let end = recorders.ended(Some(ErrorKind::Cancelled)).await;
        assert_eq!(end.result().unwrap().text(), "Hel");
    });
}

/// What a server sees of a body at one poll: its hints, and the frame.
type Seen = (bool, Option<u64>, Option<Result<Result<Bytes, HeaderMap>, u32>>);

async fn see<B: Body<Data = Bytes>>(
    body: B,
    polls: usize,
    reset: impl Fn(B::Error) -> u32,
) -> Vec<Seen> {
    let mut body = pin!(body);
    let mut seen = Vec::new();
    for _ in 0..polls {
        let (ended, hint) = (body.is_end_stream(), body.size_hint().exact());
        let frame = poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
        let frame = frame.map(|frame| frame.map_err(&reset).map(Frame::into_data));
        let frame = frame.map(|it| it.map(|it| it.map_err(|it| it.into_trailers().unwrap())));
        seen.push((ended, hint, frame));
    }
    seen
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Flavor::Multi.runtime());

fn body() -> impl Strategy<Value = Scripted> {
    let cuts = vec(any::<prop::sample::Index>(), 0..6);
    let end = select(vec![None, None, Some(trailers()), Some(Step::Fail)]);
    (cuts, end, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(cuts, end, exact, knows_end, waits)| {
            let content = HELLO.concat().into_bytes();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(content.len() + 1)).collect();
            cuts.extend([0, content.len()]);
            cuts.sort_unstable();
            let frames = cuts.windows(2).map(|cut| data(content[cut[0]..cut[1]].to_vec()));
            let wait = waits.then_some(Step::Wait);
            let steps = frames.flat_map(|frame| wait.clone().into_iter().chain([frame])).chain(end);
            let body = Scripted::new(steps);
            let body = if exact { body.exact() } else { body };
            if knows_end { body.knows_end() } else { body }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    /// A client that leaves after any number of frames has got the same as without the layer, and the run the whole answer.
    #[test]
    fn a_body_is_the_same_behind_the_layer(body in body(), polls in 0_usize..12, mode in select(&MODES[..])) {
        RUNTIME.block_on(async {
            let bare = see(body.clone(), polls, |error| error.0).await;
            // Alone, it is the inner body.
            let drain = DrainLayer::new();
            let upstream = Upstream(move || event_stream(body.clone()));
            let response = drain.layer(upstream.clone()).oneshot(prompt()).await.unwrap();
            assert_eq!(see(response.into_body(), polls, |error| error.0).await, bare);
            assert!(drain.flush(PATIENCE).await);

            // Around a callback layer, it is that layer's body.
            let other = Recorders::new(&[mode]);
            let layer = HttpCallbackLayer::new(other.callbacks.clone());
            let response = layer.layer(upstream.clone()).oneshot(prompt()).await.unwrap();
            let reset = |error: tower::BoxError| error.downcast_ref::<support::http::Reset>().unwrap().0;
            let observed = see(response.into_body(), polls, reset).await;
            let recorders = Recorders::new(&[mode]);
            let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
            let response = drain.layer(layer.layer(upstream)).oneshot(prompt()).await.unwrap();
            let drained = see(response.into_body(), polls, reset).await;
            if mode == Mode::Inline {
                assert_eq!(drained, observed);
            }
            let frames = |seen: &[Seen]| seen.iter().map(|it| it.2.clone()).collect::<Vec<_>>();
            assert_eq!(frames(&drained), frames(&bare));
            assert!(drain.flush(PATIENCE).await);
            let flushed = recorders.callbacks.flush(PATIENCE).await;
            assert!(flushed.is_complete());
            let recorder = &recorders.each[0].1;
            tower_llm_callbacks::testing::assert_promises(&recorder.events());
            let [end] = &recorder.terminals()[..] else { panic!("one terminal event") };
            assert_whole(end.result().unwrap());
            // The kind is that of the run without the layer: it completed if the client had got the finish reason.
            assert!(other.callbacks.flush(PATIENCE).await.is_complete());
            let without = other.each[0].1.terminals()[0].error().map(|error| error.kind());
            assert_eq!(end.error().map(|error| error.kind()), without);
        });
    }
}
