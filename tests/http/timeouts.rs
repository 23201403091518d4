//! `BodyTimeoutLayer`, below and above a callback layer, in paused time.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use support::{
    Flavor, MODES, Recorders,
    http::{HELLO, Scripted, Step, data, event_stream, prompt},
};
use tower::{Layer, ServiceExt, service_fn};
use tower_llm_callbacks::{
    ErrorKind, HttpCallbackLayer,
    timeout::{BodyTimeoutLayer, StreamTimedOut},
};

const SECOND: Duration = Duration::from_secs(1);

fn layer() -> BodyTimeoutLayer {
    BodyTimeoutLayer::new().first(10 * SECOND).between(3 * SECOND)
}

fn paused(test: impl Future<Output = ()>) {
    let mut builder = Flavor::Current.builder();
    builder.enable_all().start_paused(true).build().unwrap().block_on(test);
}

/// An upstream that answers after a time, with the first frames of an answer, and hangs.
async fn upstream(after: Duration, frames: usize) -> Result<Response<Scripted>, Infallible> {
    tokio::time::sleep(after).await;
    let frames = HELLO.iter().take(frames).map(|frame| data(*frame));
    Ok(event_stream(Scripted::new(frames.chain([Step::Hang]))))
}

#[test]
fn a_response_that_does_not_come_is_a_504() {
    paused(async {
        let recorders = Recorders::new(&MODES);
        let inner = service_fn(|_: Request<_>| upstream(Duration::MAX, 0));
        let service =
            HttpCallbackLayer::new(recorders.callbacks.clone()).layer(layer().layer(inner));
        let began = tokio::time::Instant::now();
        let response = service.oneshot(prompt()).await.unwrap();
        assert_eq!(began.elapsed(), 10 * SECOND);
        assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, Bytes::from("the answer did not begin within 10s"));
        let end = recorders.ended(Some(ErrorKind::Transport)).await;
        assert_eq!(end.error().unwrap().status(), Some(504));
    });
}

#[test]
fn a_body_that_pauses_breaks_off() {
    for (frames, began, text) in [(0, false, ""), (2, true, "Hel")] {
        paused(async {
            for below in [true, false] {
                let recorders = Recorders::new(&MODES);
                let callbacks = HttpCallbackLayer::new(recorders.callbacks.clone());
                let inner = service_fn(move |_: Request<_>| upstream(SECOND, frames));
                let error = if below {
                    let service = callbacks.layer(layer().layer(inner));
                    service
                        .oneshot(prompt())
                        .await
                        .unwrap()
                        .into_body()
                        .collect()
                        .await
                        .unwrap_err()
                } else {
                    let service = layer().layer(callbacks.layer(inner));
                    let response = service.oneshot(prompt()).await.unwrap();
                    response.into_body().collect().await.unwrap_err()
                };
                assert_eq!(error.downcast_ref::<StreamTimedOut>().unwrap().began(), began);
                let kind = if below { ErrorKind::Transport } else { ErrorKind::Cancelled };
                let end = recorders.ended(Some(kind)).await;
                assert_eq!(end.result().unwrap().text(), text);
            }
        });
    }
}
