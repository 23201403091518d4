//! Typed models of embeddings, below the layer that emits their events.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::{Layer, ServiceBuilder, service_fn};
use tower_llm_callbacks::{
    Callbacks, EventData, Registration, RunType,
    chat::ModelError,
    layer::ModelLayer,
    model::{
        cohere::CohereConfig,
        embeddings::{EmbeddingLayer, EmbeddingRequest},
        ollama::OllamaConfig,
        openai::OpenAiConfig,
    },
    testing::Recorder,
};

fn texts() -> EmbeddingRequest {
    EmbeddingRequest::new("m").inputs(["One.", "Two."])
}

fn response(status: u16, body: &Value) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status).header("x-request-id", "req-1");
    response.body(Full::new(body.to_string().into())).unwrap()
}

#[tokio::test]
async fn vectors_are_in_the_order_of_the_texts_and_events_name_the_model() {
    // 1.5 and -2.0, in Base64.
    let data =
        json!([{"index": 1, "embedding": [0.25, 1]}, {"index": 0, "embedding": "AADAPwAAAMA="}]);
    let body = json!({"object": "list", "data": data, "model": "m-1", "usage": {"prompt_tokens": 4, "total_tokens": 4}});
    let http = service_fn(move |request: Request<Full<Bytes>>| {
        let body = body.clone();
        async move {
            assert_eq!(request.uri(), "http://localhost/v1/embeddings");
            assert_eq!(request.headers()["authorization"], "Bearer key");
            let sent = request.into_body().collect().await.unwrap().to_bytes();
            let sent: Value = serde_json::from_slice(&sent).unwrap();
            assert_eq!(
                sent,
                json!({"model": "m", "input": ["One.", "Two."], "dimensions": 2, "user": "u"})
            );
            Ok::<_, Infallible>(response(200, &body))
        }
    });
    let recorder = Recorder::new();
    let callbacks = Callbacks::new().add(Registration::inline(recorder.clone()));
    let config = OpenAiConfig::new("key").base_url("http://localhost/v1");
    let embed = ServiceBuilder::new()
        .layer(ModelLayer::embedding(callbacks))
        .layer(EmbeddingLayer::new(config))
        .service(http);
    let answer = embed.oneshot(texts().dimensions(2).param("user", "u")).await.unwrap();
    assert_eq!(answer.vectors, [[1.5, -2.0], [0.25, 1.0]]);
    assert_eq!(answer.model.as_deref(), Some("m-1"));
    assert_eq!(answer.usage.unwrap().input_tokens, Some(4));

    let events = recorder.events();
    let EventData::ModelStart(RunType::Embedding, start) = &events[0].data else {
        panic!("{events:?}")
    };
    assert_eq!((&*start.provider, &*start.api), ("openai", "embeddings"));
    assert_eq!((start.model.as_deref(), start.inputs), (Some("m"), Some(2)));
    assert_eq!(start.messages.get(), Some(&json!(["One.", "Two."])));
    assert_eq!(start.params["dimensions"], 2);
    let result = events.last().unwrap().result().unwrap();
    assert_eq!((result.outputs, result.dimensions), (Some(2), Some(2)));
    assert_eq!(result.usage.as_ref().unwrap().input_tokens, Some(4));
}

#[tokio::test]
async fn failures_say_what_failed() {
    let answered = |status, body: Value| async move {
        let http = service_fn(move |_: Request<Full<Bytes>>| {
            let response = response(status, &body);
            async { Ok::<_, Infallible>(response) }
        });
        EmbeddingLayer::new(OllamaConfig::new()).layer(http).oneshot(texts()).await
    };
    let error = answered(404, json!({"error": "model 'm' not found"})).await.unwrap_err();
    assert_eq!((error.status(), error.request_id()), (Some(404), Some("req-1")));
    let error = answered(200, json!({"error": "out of memory"})).await.unwrap_err();
    assert_eq!(error.provider().map(|error| &*error.message), Some("out of memory"));
    let error = answered(200, json!({"embeddings": "none"})).await.unwrap_err();
    assert!(!matches!(error, ModelError::InvalidRequest(_)), "{error:?}");

    let called = service_fn(|_: Request<Full<Bytes>>| async {
        panic!("called") as Result<Response<Full<Bytes>>, Infallible>
    });
    let ollama = || EmbeddingLayer::new(OllamaConfig::new()).layer(called);
    let cohere = || EmbeddingLayer::new(CohereConfig::new("key")).layer(called);
    for (refused, reason) in [
        (ollama().oneshot(texts().task("query")).await, "takes no task"),
        (ollama().oneshot(EmbeddingRequest::new("m")).await, "no text"),
        (ollama().oneshot(EmbeddingRequest::new("").input("One.")).await, "no model"),
        (cohere().oneshot(texts()).await, "needs a task"),
        (
            EmbeddingLayer::new(CohereConfig::new("")).layer(called).oneshot(texts()).await,
            "api_key must not be empty",
        ),
    ] {
        let Err(ModelError::InvalidRequest(error)) = refused else { panic!("{refused:?}") };
        assert!(error.to_string().contains(reason), "{error}");
    }
}
