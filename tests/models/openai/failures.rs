//! Calls that fail or are dropped.

use std::{error::Error, io};

use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use http::{Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};
use tower::{Layer, service_fn};
use tower_llm_callbacks::{
    Delta, ProviderError,
    chat::ModelError,
    model::openai::{OpenAiApi, OpenAiConfig, OpenAiLayer},
};

use super::{
    APIS, answered,
    bodies::{Endless, broken},
    config, hello, items, ok, text,
    transcripts::{begun, chat_events, responses_events},
};

fn envelope(code: &str, message: &str) -> Value {
    let kind = "invalid_request_error";
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

#[tokio::test]
async fn http_errors_have_status_code_and_request_id() {
    for api in APIS {
        let body = envelope("rate_limit_exceeded", "Slow down").to_string();
        let response = Response::builder().status(429).header("x-request-id", "req_1");
        let error = answered(api, response.body(text(body)).unwrap()).await.unwrap_err();
        let provider = error.provider().unwrap();
        assert_eq!(&*provider.message, "Slow down");
        assert_eq!(provider.code.as_deref(), Some("rate_limit_exceeded"));
        assert_eq!(provider.status, Some(429));
        assert_eq!(provider.request_id.as_deref(), Some("req_1"));
        assert!(error.source().unwrap().is::<ProviderError>());
        let said = error.to_string();
        assert_eq!(said, "the provider reported an error (429 rate_limit_exceeded)");

        // The header of another provider is ignored.
        let response = Response::builder().status(302).header("request-id", "req_1");
        let response = response.body(text("<html>CANARY")).unwrap();
        let error = answered(api, response).await.unwrap_err();
        let provider = error.provider().unwrap();
        assert_eq!((provider.status, &provider.request_id), (Some(302), &None));
        assert!(!error.to_string().contains("CANARY"));
    }
}

#[tokio::test]
async fn a_broken_body_does_not_hide_an_http_error() {
    for api in APIS {
        let response = Response::builder().status(500).body(broken("{\"err".to_owned())).unwrap();
        let error = answered(api, response).await.unwrap_err();
        assert_eq!(error.provider().unwrap().status, Some(500));
    }
}

#[tokio::test]
async fn an_error_in_place_of_the_answer_is_the_streams_error() {
    for api in APIS {
        for kind in ["application/json", "text/event-stream", "text/plain"] {
            let body = envelope("model_not_found", "No such model").to_string();
            let (chunks, error) = items(answered(api, ok(kind, text(body))).await.unwrap()).await;
            assert!(chunks.is_empty(), "{chunks:?}");
            let error = error.unwrap();
            let provider = error.provider().unwrap();
            assert_eq!(&*provider.message, "No such model");
            assert_eq!(provider.code.as_deref(), Some("model_not_found"));
            assert_eq!(provider.request_id.as_deref(), Some("req_header"));
            assert_eq!(provider.status, None);
        }
    }
}

/// Some text, an error, and more events that must be ignored.
fn failing(api: OpenAiApi) -> Vec<String> {
    let error = &envelope("server_error", "Overloaded")["error"];
    let events: Vec<String> = match api {
        OpenAiApi::Responses => vec![
            // As documented, as sent, and the event that follows it.
            responses_events(&[json!({"type": "error", "code": "server_error",
                "message": "Overloaded", "param": null, "sequence_number": 5})]),
            responses_events(&[json!({"type": "error", "sequence_number": 5, "error": error})]),
            responses_events(&[json!({"type": "response.failed", "response": {"id": "resp_1",
                "object": "response", "status": "failed", "output": [], "error": error}})]),
        ],
        _ => vec![
            chat_events(&[json!({ "error": error })]),
            format!("event: error\n{}", chat_events(&[json!({ "error": error })])),
        ],
    };
    events.into_iter().map(|error| begun(api) + &error + &begun(api)).collect()
}

#[tokio::test]
async fn an_error_in_the_stream_ends_it() {
    for api in APIS {
        for body in failing(api) {
            let (body, dropped) = Endless::new(body);
            let stream = answered(api, ok("text/event-stream", body)).await.unwrap();
            let (chunks, error) = items(stream).await;
            assert_eq!(chunks.last(), Some(&Delta::text("Let me ")));
            let error = error.unwrap();
            let provider = error.provider().unwrap();
            assert_eq!(&*provider.message, "Overloaded");
            assert_eq!(provider.code.as_deref(), Some("server_error"));
            assert_eq!(provider.request_id.as_deref(), Some("req_header"));
            assert!(dropped.get());
        }
    }
}

#[tokio::test]
async fn transport_errors_keep_their_source() {
    for api in APIS {
        let http = service_fn(async |_: Request<Full<Bytes>>| {
            Err::<Response<Full<Bytes>>, _>(io::Error::other("CANARY"))
        });
        let error = OpenAiLayer::new(config(api)).layer(http).oneshot(hello()).await.unwrap_err();
        assert!(matches!(error, ModelError::Transport(_)));
        assert!(error.source().unwrap().is::<io::Error>());
        assert!(!error.to_string().contains("CANARY"));

        let response = ok("text/event-stream", broken(begun(api)));
        let (chunks, error) = items(answered(api, response).await.unwrap()).await;
        assert_eq!(chunks.last(), Some(&Delta::text("Let me ")));
        let error = error.unwrap();
        assert!(matches!(error, ModelError::Transport(_)));
        assert!(error.source().unwrap().is::<io::Error>());
    }
}

#[tokio::test]
async fn a_refused_connection_is_a_transport_error() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let config = OpenAiConfig::new("sk-CANARY").base_url(format!("http://{address}/v1"));
    let model = OpenAiLayer::new(config).layer(tower_llm_callbacks::model::client());
    let error = model.oneshot(hello()).await.unwrap_err();
    assert!(matches!(error, ModelError::Transport(_)));
    assert!(!format!("{error:?}").contains("CANARY"));
}

#[tokio::test]
async fn dropping_the_stream_drops_the_body() {
    for api in APIS {
        let (body, dropped) = Endless::new(begun(api));
        let mut stream = answered(api, ok("text/event-stream", body)).await.unwrap();
        while stream.next().await.unwrap().unwrap() != Delta::text("Let me ") {}
        assert!(stream.next().now_or_never().is_none(), "the stream waits for more events");
        assert!(!dropped.get());
        drop(stream);
        assert!(dropped.get());
    }
}

#[tokio::test]
async fn dropping_the_future_drops_the_call() {
    for api in APIS {
        let (body, dropped) = Endless::new(String::new());
        let response = Response::builder().status(500).body(body).unwrap();
        let mut future = Box::pin(answered(api, response));
        assert!(future.as_mut().now_or_never().is_none(), "the future waits for the error body");
        drop(future);
        assert!(dropped.get());
    }
}
