//! Runs aborted by a handler or from elsewhere.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use support::http::{Alive, HELLO, Scripted, Step, data, event_stream, prompt, read};
use support::{Mode, Recorders, in_each_mode, runs};
use tower::{BoxError, Layer, Service, service_fn};
use tower_llm_callbacks::{
    Abort, Aborted, Callbacks, Delivery, ErrorKind, EventKind, HttpCallbackLayer,
    http_layer::RequestBody, on_llm_start,
};

use super::hello;

fn enough() -> Abort {
    Abort::new("enough").status(StatusCode::PAYMENT_REQUIRED)
}

/// Aborts at the first event of `kind`, after the recorder is notified.
fn aborting(mode: Mode, kind: EventKind) -> Recorders {
    Recorders::new(&[mode]).with(mode.closure(move |run, event| {
        if event.kind() == kind {
            run.abort(enough());
        }
    }))
}

#[test]
fn an_abort_in_the_start_prevents_the_call() {
    in_each_mode(|mode| async move {
        // A call with a ready request body, and one with a late body.
        for steps in [vec![], vec![Step::Wait]] {
            let recorders = aborting(mode, EventKind::LlmStart);
            let inner = service_fn(|_: Request<RequestBody<Scripted>>| async {
                Err::<Response<Full<Bytes>>, BoxError>("called".into())
            });
            let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
            let request = support::http::post(Scripted::new(steps));
            let response = layer.layer(inner).call(request).await;
            if !mode.is_awaited() && mode != Mode::Inline {
                // The abort may come too late.
                continue;
            }
            let response = response.expect("the inner service is not called");
            assert_eq!(response.status(), StatusCode::PAYMENT_REQUIRED);
            assert_eq!(response.headers()["content-type"], "application/json");
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["error"]["type"], "billing_error");
            assert_eq!(body["error"]["message"], "enough");
            let terminal = recorders.ended(Some(ErrorKind::Aborted)).await;
            assert_eq!(terminal.error().unwrap().message(), "enough");
            assert_eq!(terminal.error().unwrap().status(), Some(402));
        }
    });
}

/// From another task, while the inner call hangs: before the response, or midway.
#[test]
fn an_abort_from_another_task() {
    in_each_mode(|mode| async move {
        for frames in [None, Some(0), Some(2), Some(4)] {
            let alive = Alive::default();
            let (handler, seen) = runs();
            let recorders = Recorders::new(&[mode]).with(handler);
            let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
            let steps = HELLO.into_iter().take(frames.unwrap_or(0)).map(data).chain([Step::Hang]);
            let body = Scripted::new(steps).alive(&alive);
            let mut service =
                layer.layer(service_fn(move |_: Request<RequestBody<Full<Bytes>>>| {
                    let body = body.clone();
                    async move {
                        if frames.is_none() {
                            std::future::pending::<()>().await;
                        }
                        Ok::<_, BoxError>(event_stream(body))
                    }
                }));
            let client = tokio::spawn(async move {
                let response = service.call(prompt()).await.unwrap();
                let status = response.status();
                let (bytes, error) = read(response.into_body()).await;
                (status, bytes, error)
            });
            let run = loop {
                if let Some(run) = seen.lock().unwrap().first().cloned() {
                    break run;
                }
                tokio::task::yield_now().await;
            };
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            assert!(run.abort(enough()));
            assert!(!run.abort(Abort::new("again")));
            let (status, bytes, error) = client.await.unwrap();
            let terminal = recorders.ended(Some(ErrorKind::Aborted)).await;
            assert_eq!(alive.count(), 0);
            assert!(!run.abort(enough()), "an abort after the end returns false");
            if frames.is_none() {
                assert_eq!((status, error.is_none()), (StatusCode::PAYMENT_REQUIRED, true));
                assert!(terminal.result().unwrap().http.is_none());
            } else if status == StatusCode::OK {
                let error = error.unwrap();
                let aborted = error.downcast_ref::<Aborted>().unwrap();
                assert_eq!(aborted.abort().reason(), "enough");
                assert!(HELLO.concat().as_bytes().starts_with(&bytes));
            }
        }
    });
}

/// A lockstep or inline handler can abort before the client receives the frame.
#[test]
fn an_abort_at_a_token_withholds_its_frame() {
    in_each_mode(|mode| async move {
        let first = matches!(
            mode,
            Mode::Inline | Mode::Blocking(Delivery::Lockstep) | Mode::Async(Delivery::Lockstep)
        );
        if !first {
            return;
        }
        for body in
            [hello(), hello().exact(), hello().knows_end(), Scripted::chunks([HELLO.concat()])]
        {
            let recorders = aborting(mode, EventKind::LlmNewToken);
            let alive = Alive::default();
            let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
            let answer = || event_stream(body.clone().alive(&alive));
            let response = support::http::answered(&layer, answer).await;
            assert_eq!(response.status(), StatusCode::OK);
            let mut body = response.into_body();
            let mut bytes = Vec::new();
            let error = loop {
                match body.frame().await.expect("the error precedes the end") {
                    Ok(frame) => bytes.extend_from_slice(frame.data_ref().unwrap()),
                    Err(error) => break error,
                }
            };
            assert!(error.is::<Aborted>());
            assert_eq!(alive.count(), 0, "the upstream body is dropped before the next poll");
            let shown = String::from_utf8(bytes).unwrap();
            assert!(!shown.contains("Hel"), "{mode:?}: {shown}");
            assert!(body.frame().await.is_none());
            let terminal = recorders.ended(Some(ErrorKind::Aborted)).await;
            assert!(terminal.result().unwrap().text().starts_with("Hel"));
        }
    });
}

#[test]
fn an_abort_in_the_end_has_no_effect() {
    in_each_mode(|mode| async move {
        let recorders = aborting(mode, EventKind::LlmEnd);
        let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
        let response = support::http::answered(&layer, || event_stream(hello())).await;
        let (bytes, error) = read(response.into_body()).await;
        assert!(error.is_none());
        assert_eq!(bytes, HELLO.concat().as_bytes());
        recorders.ended(None).await;
    });
}

/// The client receives no part of a response that arrives when the call is already aborted.
#[test]
fn an_abort_in_the_poll_that_returns_the_response() {
    in_each_mode(|mode| async move {
        let recorders = Recorders::new(&[mode]);
        let alive = Alive::default();
        let body = hello().alive(&alive);
        let inner = service_fn(|_: Request<RequestBody<Full<Bytes>>>| {
            let body = body.clone();
            async move {
                tower_llm_callbacks::Run::current().unwrap().abort(enough());
                Ok::<_, BoxError>(event_stream(body))
            }
        });
        let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
        let response = layer.layer(inner).call(prompt()).await.unwrap();
        assert_eq!(response.status(), StatusCode::PAYMENT_REQUIRED);
        assert_eq!(alive.count(), 1, "the response is dropped");
        let (body, error) = read(response.into_body()).await;
        assert!(error.is_none() && String::from_utf8(body).unwrap().contains("enough"));
        recorders.ended(Some(ErrorKind::Aborted)).await;
    });
}

/// A handler cannot break the response by what it asks for.
#[test]
fn any_status_and_time_make_an_error_response() {
    let abort = Abort::new("enough").retry_after(std::time::Duration::MAX);
    for (status, expected) in [(100, 500), (204, 500), (304, 500), (429, 429), (503, 503)] {
        let abort = abort.clone().status(StatusCode::from_u16(status).unwrap());
        let handler = on_llm_start(move |run, _| {
            run.abort(abort.clone());
        });
        let layer = HttpCallbackLayer::new(Callbacks::new().inline(handler));
        let inner = service_fn(|_: Request<RequestBody<Scripted>>| async {
            Err::<Response<Full<Bytes>>, BoxError>("called".into())
        });
        let response = layer.layer(inner).call(support::http::post(Scripted::new([])));
        let response = futures::executor::block_on(response).unwrap();
        assert_eq!(response.status().as_u16(), expected);
        assert_eq!(response.headers()["retry-after"], u64::MAX.to_string().as_str());
    }
}
