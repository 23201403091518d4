//! Attempts of calls over HTTP.

use std::{
    future::{Ready, ready},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::Full;
use support::everywhere;
use support::http::{HELLO, Scripted, event_stream, json, prompt, read};
use tower::{
    BoxError, Layer, Service, ServiceBuilder,
    retry::{Policy, RetryLayer},
    service_fn,
};
use tower_llm_callbacks::{
    AttemptsLayer, ContentCapture, ErrorKind, EventKind, HttpCallbackLayer,
    http_layer::ResponseBody,
};

use super::{Done, assert_retried, flushed, kinds, once, retries, runs};

/// Asks again after an error, or an error answer.
#[derive(Clone)]
struct Again;

impl<B> Policy<Request<Full<Bytes>>, Response<B>, BoxError> for Again {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _: &mut Request<Full<Bytes>>,
        result: &mut Result<Response<B>, BoxError>,
    ) -> Option<Ready<()>> {
        let failed = match result {
            Ok(response) => response.status().is_server_error(),
            Err(_) => true,
        };
        failed.then(|| ready(()))
    }

    fn clone_request(&mut self, request: &Request<Full<Bytes>>) -> Option<Request<Full<Bytes>>> {
        Some(request.clone())
    }
}

const OVERLOADED: &str =
    r#"{"type":"error","error":{"type":"overloaded_error","message":"'my secret' must wait"}}"#;

type Answer = Result<Response<ResponseBody<Scripted>>, BoxError>;

/// Answers one after the other.
fn call(
    layer: HttpCallbackLayer,
    answers: Vec<Result<Response<Scripted>, BoxError>>,
) -> Done<Answer> {
    let answers = Arc::new(Mutex::new(answers.into_iter()));
    let upstream = service_fn(move |_: Request<_>| ready(answers.lock().unwrap().next().unwrap()));
    let service = ServiceBuilder::new()
        .layer(AttemptsLayer::new())
        .layer(RetryLayer::new(Again))
        .layer(layer)
        .service(upstream);
    once(service, prompt())
}

fn refused() -> Result<Response<Scripted>, BoxError> {
    Err("refused".into())
}

fn overloaded() -> Result<Response<Scripted>, BoxError> {
    Ok(json(529, Scripted::chunks([OVERLOADED]).exact()))
}

fn hello() -> Result<Response<Scripted>, BoxError> {
    Ok(event_stream(Scripted::chunks(HELLO)))
}

#[test]
fn an_attempt_that_has_no_answer() {
    everywhere(|recorders| async move {
        let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
        let answer = call(layer, vec![refused(), refused(), hello()]).await.unwrap();
        assert_eq!(read(answer.into_body()).await.0, HELLO.concat().as_bytes());
        flushed(&recorders).await;
        for (_, recorder) in &recorders.each {
            use EventKind::*;
            let runs = runs(recorder);
            assert_retried(&runs, &["refused", "refused"]);
            assert_eq!(kinds(&runs[2]), [LlmStart, Retry, LlmNewToken, LlmNewToken, LlmEnd]);
        }
    });
}

/// Whoever retries does not read an error answer: it is dropped, and has failed.
#[test]
fn an_error_answer_that_nobody_reads() {
    everywhere(|recorders| async move {
        let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
        let answer = call(layer, vec![overloaded(), hello()]).await.unwrap();
        read(answer.into_body()).await;
        flushed(&recorders).await;
        for (_, recorder) in &recorders.each {
            let runs = runs(recorder);
            let failed = runs[0].last().unwrap().error().unwrap();
            assert_eq!((failed.kind(), failed.status()), (ErrorKind::Provider, Some(529)));
            assert_retried(&runs, &[failed.message()]);
        }
    });
}

/// One that passes is an answer of which a run comes to its end, and no retry.
#[test]
fn an_error_answer_that_is_read() {
    everywhere(|recorders| async move {
        let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
        let refused = json(400, Scripted::chunks([OVERLOADED]).exact());
        let answer = call(layer, vec![Ok(refused)]).await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        read(answer.into_body()).await;
        flushed(&recorders).await;
        for (_, recorder) in &recorders.each {
            let runs = runs(recorder);
            assert_eq!((runs.len(), retries(&runs[0]).len()), (1, 0));
            assert_eq!(runs[0].last().unwrap().error().unwrap().message(), "'my secret' must wait");
        }
    });
}

/// Its error is content as any provider's is.
#[test]
fn content() {
    everywhere(|recorders| async move {
        let layer =
            HttpCallbackLayer::new(recorders.callbacks.clone()).content(ContentCapture::Off);
        // Read to its end by whoever retries.
        let answers = Arc::new(Mutex::new(vec![overloaded(), hello()].into_iter()));
        let upstream =
            service_fn(move |_: Request<_>| ready(answers.lock().unwrap().next().unwrap()));
        let service = layer.layer(upstream);
        let reads = service_fn(move |request: Request<Full<Bytes>>| {
            let mut service = service.clone();
            async move {
                loop {
                    let answer: Response<_> = service.call(request.clone()).await?;
                    let status = answer.status();
                    let (bytes, _) = read(answer.into_body()).await;
                    if status.is_success() {
                        return Ok::<_, BoxError>(bytes);
                    }
                }
            }
        });
        let call = once(AttemptsLayer::new().layer(reads), prompt());
        assert_eq!(call.await.unwrap(), HELLO.concat().as_bytes());
        flushed(&recorders).await;
        for (_, recorder) in &recorders.each {
            assert_retried(&runs(recorder), &["HTTP status 529"]);
        }
    });
}

/// A request that is no call of a model is no attempt.
#[test]
fn what_is_not_observed_is_not_counted() {
    everywhere(|recorders| async move {
        let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
        let answers = Arc::new(Mutex::new(vec![refused(), refused(), hello()].into_iter()));
        let upstream =
            service_fn(move |_: Request<_>| ready(answers.lock().unwrap().next().unwrap()));
        let service = layer.layer(upstream);
        let calls = service_fn(move |()| {
            let mut service = service.clone();
            async move {
                let models = Request::get("/v1/models").body(Full::<Bytes>::default()).unwrap();
                assert!(service.call(models).await.is_err());
                assert!(service.call(prompt()).await.is_err());
                let answer = service.call(prompt()).await?;
                assert!(!answer.body().is_end_stream());
                read(answer.into_body()).await;
                Ok::<_, BoxError>(())
            }
        });
        let call = once(AttemptsLayer::new().layer(calls), ());
        call.await.unwrap();
        flushed(&recorders).await;
        for (_, recorder) in &recorders.each {
            assert_retried(&runs(recorder), &["refused"]);
        }
    });
}
