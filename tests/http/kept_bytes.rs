//! The bytes that all runs of a layer keep together are bounded.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures::{FutureExt, stream};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use support::{
    Mode, PATIENCE, Recorders,
    http::{HELLO, Scripted, Step, answered, data, event_stream, post, text_event},
    on_each_runtime,
};
use tokio::sync::mpsc;
use tower::{Layer, service_fn};
use tower_llm_callbacks::{Callbacks, HttpCallbackLayer, on_llm_start};

/// A request of some bytes.
fn prompt(bytes: usize) -> Bytes {
    let text = "x".repeat(bytes);
    format!(r#"{{"model":"claude","stream":true,"max_tokens":9,"messages":[{{"role":"user","content":"{text}"}}]}}"#)
        .into()
}

/// Returns callbacks that note of each start whether it has the whole request.
fn starts() -> (Callbacks, Arc<Mutex<Vec<bool>>>) {
    let starts = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&starts);
    let note = on_llm_start(move |_, start| {
        let complete = start.http.as_ref().unwrap().body_complete;
        assert!(!complete || start.messages.get().is_some_and(|prompt| !prompt.is_null()));
        noted.lock().unwrap().push(complete);
    });
    (Callbacks::new().inline(note), starts)
}

/// Uploads that are open count. Beyond the budget, bodies pass unchanged, uncaptured, and the start event says so.
#[test]
fn beyond_the_budget_requests_pass_uncaptured() {
    on_each_runtime(|| async {
        const PIECE: usize = 10_000;
        let (callbacks, starts) = starts();
        let layer = HttpCallbackLayer::new(callbacks).max_kept_bytes(8 * PIECE);
        let received = service_fn(|request: Request<_>| async move {
            let body = http_body_util::BodyExt::collect(request.into_body());
            let body: Bytes = body.await.unwrap().to_bytes();
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(body)))
        });
        let mut uploads = Vec::new();
        for _ in 0..20 {
            let (send, receive) = mpsc::unbounded_channel::<Bytes>();
            let body = StreamBody::new(stream::unfold(receive, |mut receive| async move {
                let data = receive.recv().await?;
                Some((Ok::<_, Infallible>(Frame::data(data)), receive))
            }));
            let whole = prompt(2 * PIECE);
            send.send(whole.slice(..PIECE)).unwrap();
            let mut call = Box::pin(layer.layer(received).oneshot(post(body)));
            assert!((&mut call).now_or_never().is_none(), "the body has not arrived");
            uploads.push((call, send, whole));
        }
        let stats = layer.stats();
        assert!(stats.kept_bytes <= stats.max_kept_bytes + PIECE, "{stats:?}");
        assert!((1..=8).contains(&stats.waiting_requests), "{stats:?}");
        for (call, send, whole) in uploads {
            send.send(whole.slice(PIECE..)).unwrap();
            drop(send);
            let answer = call.await.unwrap().into_body().collect().await.unwrap().to_bytes();
            assert_eq!(answer, whole, "the request passes unchanged");
            assert!(layer.stats().kept_bytes <= stats.max_kept_bytes + 2 * PIECE);
        }
        let starts = starts.lock().unwrap();
        assert_eq!(starts.len(), 20);
        assert!(starts.contains(&true) && starts.contains(&false), "{starts:?}");
        assert_eq!((layer.stats().kept_bytes, layer.stats().waiting_requests), (0, 0));
    });
}

/// What is kept of answers counts too.
#[test]
fn beyond_the_budget_answers_are_not_kept() {
    on_each_runtime(|| async {
        let recorders = Recorders::new(&[Mode::Inline]);
        let layer = HttpCallbackLayer::new(recorders.callbacks.clone()).max_kept_bytes(100_000);
        let texts = || (0..20).map(|_| data(text_event(&"y".repeat(10_000))));
        let answer = || {
            let end = HELLO[3..].iter().map(|frame| data(*frame));
            event_stream(Scripted::new([data(HELLO[0])].into_iter().chain(texts()).chain(end)))
        };
        let body = answered(&layer, answer).await.into_body();
        body.collect().await.unwrap();
        let end = recorders.ended(None).await;
        let result = end.result().unwrap();
        assert!(result.decode_skipped);
        assert!((90_000..130_000).contains(&result.text().len()), "{}", result.text().len());
        assert!(layer.stats().kept_bytes <= 1_000, "{:?}", layer.stats());

        // While it is read, and not after a drop.
        let hangs = || {
            event_stream(Scripted::new(
                [data(HELLO[0])].into_iter().chain(texts()).chain([Step::Hang]),
            ))
        };
        let mut body = answered(&layer, hangs).await.into_body();
        for _ in 0..5 {
            body.frame().await.unwrap().unwrap();
        }
        assert!(layer.stats().kept_bytes >= 40_000, "{:?}", layer.stats());
        drop(body);
        assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
        assert!(layer.stats().kept_bytes <= 1_000, "{:?}", layer.stats());
    });
}
