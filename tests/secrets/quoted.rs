//! Promise 10: an upstream quotes the credential that it refuses. It may be of any form, so that only the request tells.

use std::{fmt, io};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::json;
use support::http::{Scripted, Step, data, event_stream, json, text_event};
use support::{PATIENCE, Recorders};
use tower::{Layer, Service, ServiceBuilder, service_fn};
use tower_llm_callbacks::{
    Abort, ErrorKind, EventData, HttpCallbackLayer, Registration, Run,
    http_layer::{RequestBody, TransportFailure},
    on_event,
    scope::AttemptsLayer,
};

const TOKEN: &str = "tok-Zq81.CANARY+abc/def";

/// Places of a credential in a request.
const PLACES: [(&str, &str); 8] = [
    ("authorization", "Bearer tok-Zq81.CANARY+abc/def"),
    ("x-api-key", TOKEN),
    ("api-key", TOKEN),
    ("x-goog-api-key", TOKEN),
    ("cookie", "theme=dark; session=tok-Zq81.CANARY+abc/def"),
    ("", "?alt=sse&key=tok-Zq81.CANARY+abc/def"),
    ("", "?access_token=tok-Zq81.CANARY%2Babc%2Fdef"),
    ("", "?X-Amz-Signature=tok-Zq81.CANARY%2babc/def"),
];

fn request((header, value): (&str, &str)) -> Request<Full<Bytes>> {
    let mut request = support::http::prompt();
    if header.is_empty() {
        *request.uri_mut() = format!("{}{value}", request.uri()).parse().unwrap();
    } else {
        let name = HeaderName::from_bytes(header.as_bytes()).unwrap();
        request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
    }
    request
}

type Answer = Result<Response<Scripted>, io::Error>;

/// Answers that quote it.
fn answers() -> Vec<(ErrorKind, fn() -> Answer)> {
    vec![
        (ErrorKind::Provider, || {
            let error = json!({"message": format!("Invalid token: {TOKEN}."), "code": TOKEN, "type": TOKEN});
            Ok(json(401, Scripted::chunks([json!({"error": error}).to_string()])))
        }),
        (ErrorKind::Provider, || {
            let error =
                json!({"message": format!("({}…)", &TOKEN[..17]), "type": format!("bad:{TOKEN}")});
            let body = json!({"type": "error", "error": error, "request_id": TOKEN});
            Ok(json(403, Scripted::chunks([body.to_string()])))
        }),
        (ErrorKind::Provider, || {
            let mut response = json(401, Scripted::chunks([format!("no such key <{TOKEN}>")]));
            let text = HeaderValue::from_static("text/plain");
            response.headers_mut().insert(http::header::CONTENT_TYPE, text);
            Ok(response)
        }),
        (ErrorKind::Provider, || {
            let error = json!({"error": {"message": format!("expired: {TOKEN}"), "code": TOKEN}});
            let error = format!("data: {error}\n\n");
            Ok(event_stream(Scripted::chunks([text_event("Hi"), error])))
        }),
        (ErrorKind::Transport, || Err(io::Error::other(format!("refused {TOKEN}, sorry")))),
        (ErrorKind::Transport, || {
            let mut response = json(502, Scripted::new([data("{}"), Step::Fail]));
            let failure = TransportFailure::new(format!("refused {TOKEN}"));
            response.extensions_mut().insert(failure);
            Ok(response)
        }),
    ]
}

#[track_caller]
fn assert_clean(what: impl fmt::Debug, text: &str) {
    assert!(!text.contains("CANARY") && !text.contains("Zq81"), "{what:?}: {text}");
}

#[tokio::test]
async fn the_credential_of_a_request_is_covered_in_its_errors() {
    support::log::start();
    for place in PLACES {
        for (nth, (kind, answer)) in answers().into_iter().enumerate() {
            let recorders = Recorders::new(&support::MODES);
            let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
            let inner =
                service_fn(move |_: Request<RequestBody<Full<Bytes>>>| async move { answer() });
            // The next attempt says why the one before failed.
            let mut service = ServiceBuilder::new().layer(AttemptsLayer::new()).service(
                service_fn(|request: Request<Full<Bytes>>| {
                    let service = layer.layer(inner);
                    async move {
                        for _ in 0..2 {
                            let mut service = service.clone();
                            if let Ok(response) = service.call(request.clone()).await {
                                let _ = response.into_body().collect().await;
                            }
                        }
                        Ok::<_, io::Error>(())
                    }
                }),
            );
            service.call(request(place)).await.unwrap();
            assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
            for (mode, recorder) in &recorders.each {
                let events = recorder.events();
                assert_clean((place, nth, mode), &format!("{events:?}"));
                let errors = recorder.terminals();
                assert_eq!(errors.len(), 2);
                for error in errors {
                    let error = error.error().unwrap().clone();
                    assert_eq!(error.kind(), kind, "{place:?} {nth}");
                    assert!(error.message().contains("[redacted]"), "{place:?} {nth}: {error}");
                }
                let retried = events.iter().any(|event| matches!(event.data, EventData::Retry(_)));
                assert!(retried, "{place:?} {nth}: {events:?}");
            }
        }
    }
    assert_clean("log", &support::log::all());
}

#[tokio::test]
async fn the_reason_of_an_abort_does_not_quote_it() {
    let recorders =
        Recorders::new(&support::MODES).with(Registration::inline(on_event(|run: &Run, event| {
            if event.kind().is_start() {
                run.abort(Abort::new(format!("the tenant of {TOKEN} is suspended")));
            }
        })));
    let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
    let inner = support::http::Upstream(|| event_stream(Scripted::new([])));
    layer.layer(inner).call(request(PLACES[0])).await.unwrap();
    let error = recorders.ended(Some(ErrorKind::Aborted)).await;
    assert_eq!(error.error().unwrap().message(), "the tenant of [redacted] is suspended");
}
