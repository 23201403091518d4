//! The HTTP layer around common clients: hyper's, reqwest and async-openai. Each observes the same with the
//! layer as without it.

use std::{convert::Infallible, fmt::Write as _, io::Write as _, time::Duration};

use async_openai::{
    config::OpenAIConfig,
    error::OpenAIError,
    middleware::{HttpRequestFactory, ReqwestService},
    types::chat::{CreateChatCompletionRequest, CreateChatCompletionResponse},
};
use axum::{Router, body::Body, routing::post};
use bytes::Bytes;
use futures::{
    FutureExt, StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, BodyStream, Full, combinators::BoxBody};
use hyper_util::{
    client::legacy::{self, Client},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket};
use tower::{
    BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn, util::BoxCloneSyncService,
};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, ErrorKind, EventKind, HttpCallbackLayer, LlmResult, Usage,
    chat::{self, ChatRequest},
    http_layer::RequestBody,
    model::{
        anthropic::{AnthropicConfig, AnthropicLayer},
        client,
    },
    testing::{Recorded, Recorder, assert_promises},
};

const PATIENCE: Duration = Duration::from_secs(20);

const ANTHROPIC: [&str; 5] = [
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"id-1\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[],\"model\":\"m-1\",\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hel\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"lo\"}}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
];

const OPENAI: [&str; 5] = [
    "data: {\"id\":\"id-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m-1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hel\"},\"finish_reason\":null}]}\n\n",
    "data: {\"id\":\"id-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo\"},\"finish_reason\":null}]}\n\n",
    "data: {\"id\":\"id-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m-1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"id\":\"id-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m-1\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5}}\n\n",
    "data: [DONE]\n\n",
];

fn is_anthropic(uri: &Uri) -> bool {
    uri.path() == "/v1/messages"
}

fn whole(uri: &Uri) -> Value {
    if is_anthropic(uri) {
        json!({
            "id": "id-1", "type": "message", "role": "assistant", "model": "m-1",
            "content": [{"type": "text", "text": "Hello"}], "stop_reason": "end_turn",
            "usage": {"input_tokens": 3, "output_tokens": 2},
        })
    } else {
        json!({
            "id": "id-1", "object": "chat.completion", "created": 1, "model": "m-1",
            "choices": [{
                "index": 0, "finish_reason": "stop", "logprobs": null,
                "message": {"role": "assistant", "content": "Hello"},
            }],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        })
    }
}

fn gzipped(frames: &[&str]) -> Vec<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut pieces = Vec::new();
    for frame in frames {
        encoder.write_all(frame.as_bytes()).unwrap();
        encoder.flush().unwrap();
        pieces.push(std::mem::take(encoder.get_mut()));
    }
    pieces.push(encoder.finish().unwrap());
    pieces
}

/// The model's name selects the answer. A header echoes the request, so that a changed request changes the
/// answer.
async fn answer(uri: Uri, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let saw = format!("{uri} {headers:?} {}", String::from_utf8_lossy(&body));
    let request_json: Value = serde_json::from_slice(&body).unwrap();
    let frames = if is_anthropic(&uri) { &ANTHROPIC } else { &OPENAI };
    // Up to the text, without the finish reason.
    let begun = if is_anthropic(&uri) { 3 } else { 2 };
    let pieces = stream::iter(frames.iter().map(|frame| Ok::<_, BoxError>(Bytes::from(*frame))));
    let streamed = Response::builder().header("content-type", "text/event-stream");
    let plain = Response::builder().header("content-type", "application/json");
    let response = match request_json["model"].as_str().unwrap() {
        "streamed" => streamed.body(Body::from_stream(pieces)),
        "whole" => plain.body(Body::from(whole(&uri).to_string())),
        "refused" => {
            let error = json!({"type": "rate_limit_error", "code": "slow", "message": "Slower"});
            let body = json!({"type": "error", "error": error}).to_string();
            plain.status(429).header("retry-after", "7").body(Body::from(body))
        }
        "endless" => {
            let pieces = pieces.take(begun).chain(stream::pending());
            streamed.body(Body::from_stream(pieces))
        }
        "broken" => {
            // With a delay, so that the pieces before it are sent.
            let error =
                tokio::time::sleep(Duration::from_millis(50)).map(|()| Err("broken".into()));
            let pieces = pieces.take(begun).chain(error.into_stream());
            streamed.body(Body::from_stream(pieces))
        }
        "gzip" => {
            let pieces = gzipped(frames).into_iter().map(Ok::<_, Infallible>);
            streamed
                .header("content-encoding", "gzip")
                .body(Body::from_stream(stream::iter(pieces)))
        }
        "silent" => std::future::pending().await,
        other => panic!("{other}"),
    };
    let mut response = response.unwrap();
    response.headers_mut().insert("x-saw", saw.parse().unwrap());
    response
}

/// Starts the provider. Returns its URL.
async fn provider() -> String {
    let moved = || async { (StatusCode::TEMPORARY_REDIRECT, [("location", "/v1/messages")]) };
    let routes = Router::new()
        .route("/v1/messages", post(answer))
        .route("/v1/chat/completions", post(answer))
        .route("/moved/v1/messages", post(moved));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    url
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Hyper,
    Reqwest,
    OpenAi,
}

const KINDS: [Kind; 3] = [Kind::Hyper, Kind::Reqwest, Kind::OpenAi];

/// What a client receives: the head of the answer, and its parts.
struct Seen {
    head: String,
    parts: BoxStream<'static, Result<String, BoxError>>,
}

impl Seen {
    fn new<E: Into<BoxError> + 'static>(
        status: StatusCode,
        headers: &HeaderMap,
        parts: impl futures::Stream<Item = Result<Bytes, E>> + Send + 'static,
    ) -> Self {
        let mut headers = headers.clone();
        headers.remove("date");
        let head = format!("{status} {headers:?}");
        // One character per byte, so that no difference is lost.
        let text = |bytes: Bytes| bytes.iter().copied().map(char::from).collect();
        Self { head, parts: parts.map_ok(text).map_err(Into::into).boxed() }
    }

    /// The head, and the concatenated parts.
    async fn read(self) -> Result<(String, String), BoxError> {
        Ok((self.head, self.parts.try_collect().await?))
    }
}

async fn ask(
    kind: Kind,
    base: &str,
    model: &str,
    layer: Option<&HttpCallbackLayer>,
) -> Result<Seen, BoxError> {
    let path = if base.ends_with("/moved") { "v1/messages" } else { "v1/messages?key=CANARY" };
    let url = format!("{base}/{path}");
    let request_json = json!({
        "model": model, "max_tokens": 9, "stream": model != "whole",
        "messages": [{"role": "user", "content": "Hi"}],
    });
    match kind {
        Kind::Hyper => {
            let request = Request::post(url).header("x-api-key", "CANARY");
            let request = request.body(Full::from(request_json.to_string()))?;
            let (head, body) = hyper(layer).oneshot(request).await?.into_parts();
            let data = BodyStream::new(body).map_ok(|frame| frame.into_data().unwrap_or_default());
            Ok(Seen::new(head.status, &head.headers, data))
        }
        Kind::Reqwest => {
            let client = reqwest_client();
            let request =
                client.post(url).header("x-api-key", "CANARY").json(&request_json).build()?;
            let response = match layer {
                None => client.execute(request).await?,
                Some(layer) => {
                    let http = layer.layer(reqwest_service(client));
                    let response = http.oneshot(request.try_into()?).await?;
                    reqwest::Response::from(response.map(reqwest::Body::wrap))
                }
            };
            let (status, headers) = (response.status(), response.headers().clone());
            let more = (response.url().clone(), response.remote_addr(), response.content_length());
            let error = response.error_for_status_ref().err();
            let mut seen = Seen::new(status, &headers, response.bytes_stream());
            write!(seen.head, " {more:?} {error:?}")?;
            Ok(seen)
        }
        Kind::OpenAi => {
            let request: CreateChatCompletionRequest = serde_json::from_value(request_json)?;
            let client = openai(base, layer);
            let head = String::new();
            if model == "whole" {
                let answer: CreateChatCompletionResponse = client.chat().create(request).await?;
                let parts = stream::once(async move { Ok(format!("{answer:?}")) }).boxed();
                return Ok(Seen { head, parts });
            }
            let answer = client.chat().create_stream(request).await?;
            let parts = answer.map_ok(|chunk| format!("{chunk:?}")).map_err(Into::into).boxed();
            Ok(Seen { head, parts })
        }
    }
}

type HyperService =
    BoxCloneSyncService<Request<Full<Bytes>>, Response<BoxBody<Bytes, BoxError>>, legacy::Error>;

fn hyper(layer: Option<&HttpCallbackLayer>) -> HyperService {
    fn boxed<B>(response: Response<B>) -> Response<BoxBody<Bytes, BoxError>>
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + Sync + 'static,
    {
        response.map(|body| body.map_err(Into::into).boxed())
    }
    match layer {
        None => {
            let client = Client::builder(TokioExecutor::new()).build_http();
            BoxCloneSyncService::new(client.map_response(boxed))
        }
        Some(layer) => {
            let client = Client::builder(TokioExecutor::new()).build_http();
            BoxCloneSyncService::new(layer.layer(client).map_response(boxed))
        }
    }
}

fn reqwest_client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn reqwest_service(
    client: reqwest::Client,
) -> impl Service<
    http::Request<RequestBody<reqwest::Body>>,
    Response = http::Response<reqwest::Body>,
    Error = reqwest::Error,
    Future: Send,
> + Clone
+ Send
+ Sync
+ 'static {
    use reqwest::{Body, ResponseBuilderExt};
    service_fn(move |request: http::Request<RequestBody<Body>>| {
        let client = client.clone();
        async move {
            let request = request.map(|it| it.try_into_bytes().map_or_else(Body::wrap, Body::from));
            let response = client.execute(request.try_into()?).await?;
            let url = http::Response::builder().url(response.url().clone()).body(());
            let mut response = http::Response::<Body>::from(response);
            response.extensions_mut().extend(url.unwrap().into_parts().0.extensions);
            Ok(response)
        }
    })
}

fn openai(base: &str, layer: Option<&HttpCallbackLayer>) -> async_openai::Client<OpenAIConfig> {
    let client = reqwest_client();
    let config = OpenAIConfig::new().with_api_base(format!("{base}/v1")).with_api_key("CANARY");
    let openai = async_openai::Client::with_config(config);
    let Some(layer) = layer else {
        return openai.with_http_service(ReqwestService::new(client));
    };
    let http = layer.layer(reqwest_service(client));
    openai.with_http_service(service_fn(move |request: HttpRequestFactory| {
        let http = http.clone();
        async move {
            let response = http.oneshot(request.build().await?.try_into()?).await?;
            Ok::<_, OpenAIError>(reqwest::Response::from(response.map(reqwest::Body::wrap)))
        }
    }))
}

/// A layer with a recorder.
struct Observed {
    layer: HttpCallbackLayer,
    callbacks: Callbacks,
    recorder: Recorder,
}

impl Observed {
    fn new() -> Self {
        let recorder = Recorder::new();
        let callbacks = Callbacks::new().blocking(recorder.clone());
        let layer = HttpCallbackLayer::new(callbacks.clone());
        Self { layer, callbacks, recorder }
    }

    /// The terminal event of the only run.
    async fn ended(&self) -> Recorded {
        // async-openai reads in a task of its own, which drops the answer shortly after its reader.
        let ended = async {
            while self.recorder.terminals().is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.expect("the run does not end");
        let report = self.callbacks.flush(PATIENCE).await;
        assert!(report.is_complete(), "{report:?}");
        let events = self.recorder.events();
        assert_promises(&events);
        assert_eq!(self.recorder.run_ids().len(), 1);
        assert!(!format!("{events:?}").contains("CANARY"), "{events:?}");
        let [terminal] = &self.recorder.terminals()[..] else { panic!("{events:?}") };
        terminal.clone()
    }

    async fn result(&self) -> LlmResult {
        let terminal = self.ended().await;
        assert!(matches!(terminal.kind(), EventKind::LlmEnd), "{terminal:?}");
        terminal.result().unwrap().clone()
    }
}

/// An error with all its sources.
fn described(error: &BoxError) -> String {
    let mut text = format!("{error:?}");
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&**error);
    while let Some(error) = cause {
        write!(text, "\n{error}").unwrap();
        cause = error.source();
    }
    text
}

#[track_caller]
fn assert_answer(result: &LlmResult) {
    assert_eq!(result.text(), "Hello");
    assert_eq!(result.usage, Some(Usage::new(3, 2)));
    assert_eq!(result.model.as_deref(), Some("m-1"));
    assert_eq!(result.response_id.as_deref(), Some("id-1"));
    assert_eq!(result.http.as_ref().unwrap().status, 200);
}

#[tokio::test]
async fn a_streamed_answer_is_unchanged_and_observed() {
    let base = provider().await;
    for kind in KINDS {
        let observed = Observed::new();
        let bare = ask(kind, &base, "streamed", None).await.unwrap().read().await.unwrap();
        let seen = ask(kind, &base, "streamed", Some(&observed.layer)).await.unwrap();
        assert_eq!(seen.read().await.unwrap(), bare, "{kind:?}");
        let result = observed.result().await;
        assert_answer(&result);
        assert!(result.streamed);
        assert_eq!(observed.recorder.text(), "Hello");
    }
}

#[tokio::test]
async fn an_unstreamed_answer_is_unchanged_and_observed() {
    let base = provider().await;
    for kind in KINDS {
        let observed = Observed::new();
        let bare = ask(kind, &base, "whole", None).await.unwrap().read().await.unwrap();
        let seen = ask(kind, &base, "whole", Some(&observed.layer)).await.unwrap();
        assert_eq!(seen.read().await.unwrap(), bare, "{kind:?}");
        let result = observed.result().await;
        assert_answer(&result);
        assert!(!result.streamed);
    }
}

#[tokio::test]
async fn an_error_answer_is_unchanged_and_observed() {
    let base = provider().await;
    for kind in KINDS {
        let observed = Observed::new();
        let seen = async |layer| match ask(kind, &base, "refused", layer).await {
            Ok(seen) => seen.read().await.unwrap(),
            Err(error) => (String::new(), described(&error)),
        };
        let bare = seen(None).await;
        assert!(bare.1.contains("Slower"), "{bare:?}");
        assert_eq!(seen(Some(&observed.layer)).await, bare, "{kind:?}");
        let terminal = observed.ended().await;
        let error = terminal.error().unwrap();
        assert_eq!(error.kind(), ErrorKind::Provider);
        assert_eq!(error.status(), Some(429));
        assert_eq!(error.message(), "Slower");
    }
}

#[tokio::test]
async fn drop_midway_ends_cancelled() {
    let base = provider().await;
    for kind in KINDS {
        let observed = Observed::new();
        let mut seen = ask(kind, &base, "endless", Some(&observed.layer)).await.unwrap();
        let mut text = String::new();
        while !text.contains("\"lo\"") {
            text += &seen.parts.next().await.unwrap().unwrap();
        }
        drop(seen);
        let terminal = observed.ended().await;
        assert_eq!(terminal.error().unwrap().kind(), ErrorKind::Cancelled, "{kind:?}");
        assert_eq!(terminal.error().unwrap().result().unwrap().text(), "Hello");
    }
}

#[tokio::test]
async fn drop_before_the_answer_ends_cancelled() {
    let base = provider().await;
    for kind in KINDS {
        let observed = Observed::new();
        let request_json = ask(kind, &base, "silent", Some(&observed.layer));
        assert!(tokio::time::timeout(Duration::from_millis(100), request_json).await.is_err());
        let terminal = observed.ended().await;
        assert_eq!(terminal.error().unwrap().kind(), ErrorKind::Cancelled, "{kind:?}");
        assert_eq!(terminal.error().unwrap().result().unwrap().text(), "");
    }
}

#[tokio::test]
async fn a_broken_stream_ends_in_a_transport_error() {
    let base = provider().await;
    for kind in KINDS {
        let observed = Observed::new();
        let seen = async |layer| {
            let seen = ask(kind, &base, "broken", layer).await.unwrap();
            let parts: Vec<_> = seen.parts.collect().await;
            let errors: Vec<_> = parts.into_iter().filter_map(Result::err).collect();
            let [error] = &errors[..] else { panic!("{errors:?}") };
            error.to_string()
        };
        let (bare, seen) = (seen(None).await, seen(Some(&observed.layer)).await);
        assert_eq!(seen, bare, "{kind:?}");
        let terminal = observed.ended().await;
        assert_eq!(terminal.error().unwrap().kind(), ErrorKind::Transport, "{kind:?}");
        assert_eq!(terminal.error().unwrap().result().unwrap().text(), "Hello");
    }
}

#[tokio::test]
async fn a_refused_connection_ends_in_a_transport_error() {
    // A bound socket that does not listen.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let base = format!("http://{}", socket.local_addr().unwrap());
    for kind in KINDS {
        let observed = Observed::new();
        let failed = async |layer| match ask(kind, &base, "streamed", layer).await {
            Ok(_) => panic!("the connection is not refused"),
            Err(error) => error,
        };
        let (bare, error) = (failed(None).await, failed(Some(&observed.layer)).await);
        assert_eq!(described(&error), described(&bare), "{kind:?}");
        match kind {
            Kind::Hyper => assert!(error.is::<legacy::Error>()),
            Kind::Reqwest => assert!(error.downcast::<reqwest::Error>().unwrap().is_connect()),
            Kind::OpenAi => {
                let Ok(error) = error.downcast::<OpenAIError>() else {
                    panic!("the error has another type")
                };
                assert!(matches!(*error, OpenAIError::Reqwest(error) if error.is_connect()));
            }
        }
        let terminal = observed.ended().await;
        let error = terminal.error().unwrap();
        assert_eq!(error.kind(), ErrorKind::Transport);
        assert!(!error.message().is_empty());
    }
}

/// Whether the client decompresses the answer makes no difference to the layer.
#[tokio::test]
async fn a_compressed_answer_is_observed_and_unchanged() {
    let base = provider().await;
    for kind in [Kind::Hyper, Kind::Reqwest] {
        let observed = Observed::new();
        let bare = ask(kind, &base, "gzip", None).await.unwrap().read().await.unwrap();
        let seen = ask(kind, &base, "gzip", Some(&observed.layer)).await.unwrap();
        assert!(seen.head.contains("gzip"));
        assert_eq!(seen.read().await.unwrap(), bare, "{kind:?}");
        assert_answer(&observed.result().await);
        assert_eq!(observed.recorder.text(), "Hello");
    }
}

/// A decompressing layer below removes the header.
#[tokio::test]
async fn an_answer_decompressed_below_is_observed() {
    let base = provider().await;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let inflate = client.map_err(BoxError::from).and_then(|response: Response<_>| async {
        let (mut head, body) = response.into_parts();
        let coded = BodyExt::collect(body).await?.to_bytes();
        head.headers.remove("content-encoding").expect("the answer is compressed");
        let plain = std::io::read_to_string(flate2::read::GzDecoder::new(&*coded))?;
        Ok::<_, BoxError>(Response::from_parts(head, Full::<Bytes>::from(plain)))
    });
    let observed = Observed::new();
    let request_json = json!({"model": "gzip", "stream": true, "max_tokens": 9, "messages": []});
    let request = Request::post(format!("{base}/v1/messages"));
    let request = request.body(Full::<Bytes>::from(request_json.to_string())).unwrap();
    let response = observed.layer.layer(inflate).oneshot(request).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), ANTHROPIC.concat());
    assert_answer(&observed.result().await);
}

/// reqwest sends the body twice, which needs a body that is not a stream, whether or not the call is
/// observed.
#[tokio::test]
async fn reqwest_follows_a_redirect() {
    let base = provider().await + "/moved";
    let observed = Observed::new();
    let unobserved = HttpCallbackLayer::new(Callbacks::new());
    for layer in [None, Some(&unobserved), Some(&observed.layer)] {
        let (head, body) =
            ask(Kind::Reqwest, &base, "streamed", layer).await.unwrap().read().await.unwrap();
        assert!(head.starts_with("200"), "{head}");
        assert_eq!(body, ANTHROPIC.concat());
    }
    assert_answer(&observed.result().await);
}

#[tokio::test]
async fn a_typed_model_over_the_http_layer_makes_two_runs() {
    let base = provider().await;
    for drop_it in [false, true] {
        let (outer, inner) = (Observed::new(), Observed::new());
        let config = AnthropicConfig::new("CANARY").base_url(&*base);
        let mut model = ServiceBuilder::new()
            .layer(CallbackLayer::new(outer.callbacks.clone()).name("typed"))
            .layer(AnthropicLayer::new(config))
            .layer(inner.layer.clone().name("http"))
            .service(client());
        let name = if drop_it { "endless" } else { "streamed" };
        let request = ChatRequest::new(name).max_tokens(9).user("Hi");
        let mut answer = model.ready().await.unwrap().call(request).await.unwrap();
        if drop_it {
            answer.next().await.unwrap().unwrap();
            while let Some(chunk) = answer.next().now_or_never() {
                chunk.unwrap().unwrap();
            }
            drop(answer);
        } else {
            assert_eq!(chat::collect(answer).await.unwrap().text(), "Hello");
        }
        let (outer, inner) = (outer.ended().await, inner.ended().await);
        assert_eq!(inner.parent_run_id, Some(outer.run_id));
        assert_eq!(inner.root_run_id, outer.run_id);
        assert_eq!(outer.parent_run_id, None);
        assert_eq!((&*outer.name, &*inner.name), ("typed", "http"));
        for terminal in [outer, inner] {
            let kind = terminal.error().map(|error| error.kind());
            assert_eq!(kind, drop_it.then_some(ErrorKind::Cancelled), "{}", terminal.name);
            if !drop_it {
                assert_answer_of(&terminal);
            }
        }
    }
}

#[track_caller]
fn assert_answer_of(terminal: &Recorded) {
    let result = terminal.result().unwrap();
    assert_eq!(result.text(), "Hello");
    assert_eq!(result.usage, Some(Usage::new(3, 2)));
}
