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

/// Retries after an error or an error answer.
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

/// An upstream that returns these answers in order.
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
fn an_attempt_without_answer_is_retried() {
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

/// A retry layer drops an error answer without reading it: the attempt has failed.
#[test]
fn an_unread_error_answer_is_a_failed_attempt() {
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

/// An error answer that reaches the caller ends its run, and is no retry.
#[test]
fn an_error_answer_that_is_returned_is_no_retry() {
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

/// The error of an attempt is content, like any provider's error.
#[test]
fn an_attempts_error_follows_the_content_setting() {
    everywhere(|recorders| async move {
        let layer =
            HttpCallbackLayer::new(recorders.callbacks.clone()).content(ContentCapture::Off);
        // This retry loop reads error answers to the end.
        let answers = Arc::new(Mutex::new(vec![overloaded(), hello()].into_iter()));
        let upstream =
            service_fn(move |_: Request<_>| ready(answers.lock().unwrap().next().unwrap()));
        let service = layer.layer(upstream);
        let retry_loop = service_fn(move |request: Request<Full<Bytes>>| {
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
        let call = once(AttemptsLayer::new().layer(retry_loop), prompt());
        assert_eq!(call.await.unwrap(), HELLO.concat().as_bytes());
        flushed(&recorders).await;
        for (_, recorder) in &recorders.each {
            assert_retried(&runs(recorder), &["HTTP status 529"]);
        }
    });
}

/// A request that is no LLM call is no attempt.
#[test]
fn an_unobserved_request_is_no_attempt() {
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
