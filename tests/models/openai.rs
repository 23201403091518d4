//! OpenAI's Chat Completions and Responses as a service: what is sent on the wire, and what is returned.

mod answers;
mod bodies;
mod chat_requests;
mod configuration;
mod failures;
mod responses_requests;
mod transcripts;

use std::{convert::Infallible, sync::Mutex};

use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use http::{Request, Response, header};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tower::{BoxError, Layer, Service, ServiceExt, limit::ConcurrencyLimit, service_fn};
use tower_llm_callbacks::{
    chat::{ChatChunk, ChatRequest, ChatStream, ContentPart, ModelError},
    model::{
        ResponseFuture,
        openai::{OpenAiApi, OpenAiConfig, OpenAiLayer, OpenAiModel},
    },
};

const KEY: &str = "sk-CANARY";
const MODEL: &str = "gpt-4o-mini";
const APIS: [OpenAiApi; 2] = [OpenAiApi::ChatCompletions, OpenAiApi::Responses];

fn config(api: OpenAiApi) -> OpenAiConfig {
    OpenAiConfig::new(KEY).api(api)
}

fn hello() -> ChatRequest {
    ChatRequest::new(MODEL).max_tokens(25).user("Hello")
}

fn call(id: &str, arguments: Value) -> ContentPart {
    ContentPart::ToolCall { id: id.into(), name: "get_weather".into(), arguments }
}

fn result(id: &str, content: &str) -> ContentPart {
    ContentPart::ToolResult { tool_call_id: id.into(), content: content.into(), is_error: true }
}

/// A response with status 200, a content type and a request id.
fn ok<B>(content_type: &str, body: B) -> Response<B> {
    let response = Response::builder().header("x-request-id", "req_header");
    response.header(header::CONTENT_TYPE, content_type).body(body).unwrap()
}

fn text(body: impl Into<Bytes>) -> Full<Bytes> {
    Full::new(body.into())
}

/// Calls the model with an HTTP client that returns `response`. Returns the answer and the request sent.
async fn exchange<B>(
    config: OpenAiConfig,
    request: ChatRequest,
    response: Response<B>,
) -> (Result<ChatStream, ModelError>, Option<Request<Bytes>>)
where
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (seen, response) = (Mutex::new(None), Mutex::new(Some(response)));
    let http = service_fn(async |request: Request<Full<Bytes>>| {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        *seen.lock().unwrap() = Some(Request::from_parts(parts, body));
        Ok::<_, Infallible>(response.lock().unwrap().take().expect("one call"))
    });
    let answer = OpenAiLayer::new(config).layer(http).oneshot(request).await;
    (answer, seen.into_inner().unwrap())
}

async fn sent(config: OpenAiConfig, request: ChatRequest) -> Request<Bytes> {
    let (answer, seen) = exchange(config, request, ok("text/event-stream", text(""))).await;
    answer.unwrap();
    seen.unwrap()
}

async fn sent_body(config: OpenAiConfig, request: ChatRequest) -> Value {
    serde_json::from_slice(sent(config, request).await.body()).unwrap()
}

/// Returns the message of an invalid request. Asserts that the HTTP service was not called.
async fn refused(config: OpenAiConfig, request: ChatRequest) -> String {
    let (answer, seen) = exchange(config, request, ok("", text(""))).await;
    let error = answer.unwrap_err();
    assert!(matches!(error, ModelError::InvalidRequest(_)), "{error}");
    assert!(seen.is_none(), "the HTTP service was called");
    let source = std::error::Error::source(&error).expect("what is invalid");
    format!("{error}: {source}")
}

async fn answered<B>(api: OpenAiApi, response: Response<B>) -> Result<ChatStream, ModelError>
where
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    exchange(config(api), hello(), response).await.0
}

async fn items(stream: ChatStream) -> (Vec<ChatChunk>, Option<ModelError>) {
    let (mut chunks, mut error) = (Vec::new(), None);
    let mut stream = stream;
    while let Some(item) = stream.next().await {
        assert!(error.is_none(), "the stream yields an item after the error");
        match item {
            Ok(chunk) => chunks.push(chunk),
            Err(last) => error = Some(last),
        }
    }
    assert!(stream.next().await.is_none());
    (chunks, error)
}

#[test]
fn types_are_send_and_models_are_clone() {
    fn send<T: Send + 'static>() {}
    fn clone<T: Clone>() {}
    send::<OpenAiModel<()>>();
    send::<ResponseFuture<std::future::Ready<()>>>();
    clone::<OpenAiModel<()>>();
    clone::<OpenAiLayer>();
}

#[tokio::test]
async fn readiness_is_forwarded_and_the_ready_service_is_called() {
    for api in APIS {
        let http = service_fn(move |_: Request<Full<Bytes>>| {
            std::future::ready(Ok::<_, Infallible>(ok(
                "text/event-stream",
                text(transcripts::streamed(api)),
            )))
        });
        let mut model = OpenAiLayer::new(config(api)).layer(ConcurrencyLimit::new(http, 1));
        let first = model.ready().await.unwrap().call(hello());
        assert!(model.ready().now_or_never().is_none(), "the only permit is taken");
        first.await.unwrap();
        model.ready().await.unwrap().call(hello()).await.unwrap();
    }
}
