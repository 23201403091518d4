//! Traces and run trees over HTTP: the caller's trace context, and calls made inside a call.

use axum::{Router, routing::post};
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use support::http::{PROMPT, WHOLE, json, prompt};
use support::{Recorders, everywhere, on_each_runtime, runs};
use tower::{BoxError, Layer, Service, ServiceExt, buffer::Buffer, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, HttpCallbackLayer, InCurrentRun, Run, RunType,
    chat::ChatRequest,
    http_layer::RequestBody,
    run::TraceParent,
    testing::{Recorded, Recorder, Script, ScriptedModel, assert_promises},
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Sends a request with these `traceparent` values. Returns the run's trace context and its events.
async fn traced(
    recorders: Recorders,
    values: &[&'static [u8]],
) -> (Option<TraceParent>, Vec<Recorded>) {
    let (handler, seen) = runs();
    let recorders = recorders.with(handler);
    let mut request = prompt();
    for value in values {
        request.headers_mut().append("traceparent", HeaderValue::from_bytes(value).unwrap());
    }
    request.headers_mut().insert("tracestate", HeaderValue::from_static("vendor=1"));
    request.headers_mut().insert("baggage", HeaderValue::from_static("user=1"));
    let sent = request.headers().clone();
    let inner = service_fn(move |request: Request<RequestBody<Full<Bytes>>>| {
        assert_eq!(request.headers(), &sent, "the headers are unchanged");
        std::future::ready(Ok::<_, BoxError>(json(200, Full::<Bytes>::from(WHOLE))))
    });
    let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
    let response = layer.layer(inner).call(request).await.unwrap();
    response.into_body().collect().await.unwrap();
    recorders.ended(None).await;
    let run = seen.lock().unwrap()[0].clone();
    assert_eq!(run.parent_run_id(), None, "the trace's id is not a run id");
    assert_eq!(run.root_run_id(), run.run_id());
    (run.inbound_traceparent().cloned(), recorders.each[0].1.events())
}

#[test]
fn a_valid_traceparent_is_in_every_event() {
    everywhere(|recorders| async move {
        let (parent, events) = traced(recorders, &[PARENT.as_bytes()]).await;
        let parent = parent.unwrap();
        assert_eq!((parent.trace_id(), parent.to_string()), (TRACE, PARENT.to_owned()));
        assert!(events.iter().all(|event| event.metadata["trace_id"] == TRACE));
    });
}

#[test]
fn an_invalid_repeated_or_missing_traceparent_is_ignored() {
    everywhere(|recorders| async move {
        const INVALID: &[&[&[u8]]] = &[
            &[],
            &[b""],
            &[b"nonsense"],
            &[PARENT.as_bytes(), PARENT.as_bytes()],
            &[b"00-00000000000000000000000000000000-00f067aa0ba902b7-01"],
            &[b"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"],
            &[b"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"],
            &[b"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
            &[b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"],
            &[b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"],
            &[b"00-4bf92f3577b34da6a3ce929d0e0e473\xFF-00f067aa0ba902b7-01"],
        ];
        let modes: Vec<_> = recorders.each.iter().map(|(mode, _)| *mode).collect();
        for values in INVALID {
            let (parent, events) = traced(Recorders::new(&modes), values).await;
            assert!(parent.is_none(), "{values:?}");
            assert!(events.iter().all(|event| !event.metadata.contains_key("trace_id")));
        }
    });
}

/// Calls a model and answers in Anthropic's format.
async fn call_a_model(callbacks: Callbacks) -> Response<axum::body::Body> {
    let model = ScriptedModel::new(Script::answer(["Hel", "lo"]));
    let mut model = CallbackLayer::new(callbacks).name("model").layer(model);
    let request = ChatRequest::new("any").user("Hi");
    let answer = model.ready().await.unwrap().call(request).await.unwrap();
    assert!(answer.all(|item| std::future::ready(item.is_ok())).await);
    json(200, axum::body::Body::from(WHOLE))
}

/// Where the gateway's handler calls the model.
#[derive(Debug, Clone, Copy)]
enum Way {
    InTheHandler,
    Spawned,
    InTheBody,
}

fn gateway(callbacks: &Callbacks, way: Way) -> Router {
    let inner = callbacks.clone();
    let handler = move || async move {
        match way {
            Way::InTheHandler => call_a_model(inner).await,
            Way::Spawned => tokio::spawn(call_a_model(inner).in_current_run()).await.unwrap(),
            Way::InTheBody => {
                let body = futures::stream::once(async {
                    call_a_model(inner).await.into_body().collect().await.map(|all| all.to_bytes())
                });
                json(200, axum::body::Body::from_stream(body))
            }
        }
    };
    let layer = HttpCallbackLayer::new(callbacks.clone()).name("gateway");
    Router::new().route("/v1/messages", post(handler)).layer(layer)
}

/// Asserts that the model's run is a child of the gateway's.
fn assert_tree(recorder: &Recorder) {
    let events = recorder.events();
    assert_promises(&events);
    let first = |name: &str| events.iter().find(|event| event.name == name).unwrap().clone();
    let (above, below) = (first("gateway"), first("model"));
    assert_eq!(below.parent_run_id, Some(above.run_id));
    assert_eq!((below.root_run_id, above.root_run_id), (above.run_id, above.run_id));
    assert_eq!(above.run_type, RunType::Llm);
    assert_eq!(recorder.terminals().len(), 2);
}

#[test]
fn a_model_called_by_the_handler_is_a_child() {
    everywhere(|recorders| async move {
        for way in [Way::InTheHandler, Way::Spawned, Way::InTheBody] {
            let recorder = Recorder::new();
            let callbacks = Callbacks::new().async_handler(recorder.clone());
            let request = Request::post("/v1/messages").header("traceparent", PARENT);
            let request = request.body(axum::body::Body::from(PROMPT)).unwrap();
            let response = gateway(&callbacks, way).oneshot(request).await.unwrap();
            response.into_body().collect().await.unwrap();
            assert!(Run::current().is_none());
            assert!(callbacks.flush(support::PATIENCE).await.is_complete());
            assert_tree(&recorder);
        }
        drop(recorders);
    });
}

/// A buffer makes calls in a task of its own. The request's extensions carry the run there.
#[test]
fn a_layer_below_a_buffer_is_a_child() {
    on_each_runtime(|| async {
        let recorder = Recorder::new();
        let callbacks = Callbacks::new().async_handler(recorder.clone());
        let inner =
            service_fn(|_| async { Ok::<_, BoxError>(json(200, Full::<Bytes>::from(WHOLE))) });
        let below = HttpCallbackLayer::new(callbacks.clone()).name("model").layer(inner);
        let buffered = Buffer::new(below, 4);
        let mut above = HttpCallbackLayer::new(callbacks.clone()).name("gateway").layer(buffered);
        let response = above.ready().await.unwrap().call(prompt()).await.unwrap();
        response.into_body().collect().await.unwrap();
        assert!(callbacks.flush(support::PATIENCE).await.is_complete());
        assert_tree(&recorder);
    });
}

/// A typed model over an observed HTTP client.
#[test]
fn a_typed_model_is_the_parent_of_its_http_call() {
    on_each_runtime(|| async {
        use tower_llm_callbacks::model::anthropic::{AnthropicConfig, AnthropicLayer};
        let recorder = Recorder::new();
        let callbacks = Callbacks::new().async_handler(recorder.clone());
        let client = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
            Ok::<_, BoxError>(json(200, Full::<Bytes>::from(WHOLE)))
        });
        let client = HttpCallbackLayer::new(callbacks.clone()).name("model").layer(client);
        let model = AnthropicLayer::new(AnthropicConfig::new("key")).layer(client);
        let mut model = CallbackLayer::new(callbacks.clone()).name("gateway").layer(model);
        let request = ChatRequest::new("any").max_tokens(3).user("Hi");
        let answer = model.ready().await.unwrap().call(request).await.unwrap();
        support::read(answer).await;
        assert!(callbacks.flush(support::PATIENCE).await.is_complete());
        assert_tree(&recorder);
    });
}
