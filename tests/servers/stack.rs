//! The HTTP layer in common stacks: its types fit wherever the inner types do, and calls are observed at any
//! place in the stack.

use std::{convert::Infallible, fmt::Debug, time::Duration};

use axum::{
    Router,
    body::Body,
    middleware::{Next, from_fn},
    response::Response,
    routing::post,
};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{self, Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::net::TcpListener;
use tower::{
    BoxError, Layer, Service, ServiceBuilder, ServiceExt,
    buffer::Buffer,
    service_fn,
    timeout::error::Elapsed,
    util::{BoxCloneSyncService, Oneshot},
};
use tower_http::trace::TraceLayer;
use tower_llm_callbacks::{
    Callbacks, ErrorKind, EventKind, HttpCallbackLayer, Run,
    http_layer::{HttpCallbackService, RequestBody, ResponseBody},
    model::HttpClient,
    testing::{Recorded, Recorder, assert_promises},
};

const ANSWER: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":2}}"#;

fn shared<T: Send + Sync + 'static>() {}
fn sent<T: Send + 'static>() {}

/// A service as servers and clients require it.
fn served<S, B>()
where
    S: Service<Request<B>, Future: Send + 'static> + Clone + Send + Sync + 'static,
{
}

type Erased<B> = BoxCloneSyncService<Request<RequestBody<B>>, http::Response<B>, BoxError>;

#[test]
fn the_service_fits_where_the_inner_service_fits() {
    shared::<HttpCallbackLayer>();
    served::<HttpCallbackService<Router>, Body>();
    served::<HttpCallbackService<Router>, Incoming>();
    served::<HttpCallbackService<Router>, Full<Bytes>>();
    served::<HttpCallbackService<HttpClient<RequestBody<Body>>>, Body>();
    served::<HttpCallbackService<HttpClient<RequestBody<Full<Bytes>>>>, Full<Bytes>>();
    served::<HttpCallbackService<Client<HttpConnector, RequestBody<Incoming>>>, Incoming>();
    served::<HttpCallbackService<Erased<reqwest::Body>>, reqwest::Body>();
    // A layer over a layer.
    served::<HttpCallbackService<HttpCallbackService<Router>>, Incoming>();
}

#[test]
fn bodies_inherit_auto_traits() {
    shared::<(RequestBody<Incoming>, ResponseBody<Incoming>)>();
    shared::<(RequestBody<reqwest::Body>, ResponseBody<reqwest::Body>)>();
    shared::<(RequestBody<Full<Bytes>>, ResponseBody<Full<Bytes>>)>();
    // axum's body is not `Sync`.
    sent::<(RequestBody<Body>, ResponseBody<Body>)>();
    let _: fn(ResponseBody<Incoming>) -> reqwest::Body = reqwest::Body::wrap;
    let _: fn(RequestBody<reqwest::Body>) -> reqwest::Body = reqwest::Body::wrap;
    let _: fn(ResponseBody<Body>) -> Body = Body::new;
}

#[test]
fn errors_keep_their_type() {
    type Error<S, B> = <HttpCallbackService<S> as Service<Request<B>>>::Error;
    let _: fn(Error<Router, Body>) -> Infallible = |error| error;
    let _: fn(Error<HttpClient<RequestBody<Body>>, Body>) -> legacy::Error = |error| error;
    let _: fn(Error<Erased<reqwest::Body>, reqwest::Body>) -> BoxError = |error| error;
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
        let report = self.callbacks.flush(Duration::from_secs(20)).await;
        assert!(report.is_complete(), "{report:?}");
        assert_promises(&self.recorder.events());
        let [terminal] = &self.recorder.terminals()[..] else {
            panic!("{:?}", self.recorder.kinds())
        };
        terminal.clone()
    }

    /// Asserts that a service with the layer in it returns the answer, and that the call is observed.
    async fn works<S, B>(&self, service: S)
    where
        S: Service<Request<Body>, Response = http::Response<B>, Error: Debug>,
        B: http_body::Body<Error: Debug>,
    {
        let response = service.oneshot(request()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, ANSWER);
        let end = self.ended().await;
        assert_eq!(end.kind(), EventKind::LlmEnd);
        assert_eq!(end.result().unwrap().text(), "Hello");
    }
}

fn request() -> Request<Body> {
    let body = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}"#;
    Request::post("/v1/messages").body(Body::from(body)).unwrap()
}

async fn answer() -> Response {
    assert!(Run::current().is_some(), "the handler runs inside the call");
    Response::builder().header("content-type", "application/json").body(ANSWER.into()).unwrap()
}

fn routes() -> Router {
    Router::new().route("/v1/messages", post(answer))
}

/// An inner service for any body type.
fn model<B>() -> impl Service<Request<B>, Response = Response, Error = Infallible, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static
where
    B: Send + 'static,
{
    service_fn(|_request: Request<B>| async { Ok(answer().await) })
}

async fn pass(request: axum::extract::Request, next: Next) -> Response {
    next.run(request).await
}

#[tokio::test]
async fn at_every_place_of_an_axum_router() {
    let observed = Observed::new();
    observed.works(routes().layer(observed.layer.clone())).await;

    let observed = Observed::new();
    observed.works(routes().route_layer(observed.layer.clone())).await;

    let observed = Observed::new();
    let method = post(answer).layer(observed.layer.clone());
    observed.works(Router::new().route("/v1/messages", method)).await;

    let observed = Observed::new();
    let method = post(answer).route_layer(observed.layer.clone());
    observed.works(Router::new().route("/v1/messages", method)).await;

    let observed = Observed::new();
    observed.works(Router::new().merge(routes().layer(observed.layer.clone()))).await;

    let observed = Observed::new();
    let service = observed.layer.layer(model());
    observed.works(Router::new().route_service("/v1/messages", service)).await;

    let observed = Observed::new();
    let service = observed.layer.layer(model());
    observed.works(Router::new().fallback_service(service)).await;
}

#[tokio::test]
async fn among_axum_middleware() {
    let observed = Observed::new();
    observed.works(routes().layer(observed.layer.clone()).layer(from_fn(pass))).await;

    let observed = Observed::new();
    observed.works(routes().layer(from_fn(pass)).layer(observed.layer.clone())).await;

    let observed = Observed::new();
    let stack = ServiceBuilder::new().layer(from_fn(pass)).layer(observed.layer.clone());
    observed.works(routes().layer(stack)).await;

    // Services below the layer that accept only axum's own body are given it by `map_request`.
    let observed = Observed::new();
    let stack = ServiceBuilder::new()
        .layer(observed.layer.clone())
        .map_request(|request: Request<RequestBody<Body>>| request.map(Body::new))
        .layer(from_fn(pass));
    observed.works(routes().layer(stack)).await;
}

#[tokio::test]
async fn with_traces_above_and_below() {
    let observed = Observed::new();
    let layer = observed.layer.clone();
    observed.works(routes().layer(layer).layer(TraceLayer::new_for_http())).await;

    let observed = Observed::new();
    let layer = observed.layer.clone();
    observed.works(routes().layer(TraceLayer::new_for_http()).layer(layer)).await;

    let observed = Observed::new();
    let stack = ServiceBuilder::new()
        .layer(TraceLayer::new_for_http())
        .layer(observed.layer.clone())
        .layer(TraceLayer::new_for_http());
    observed.works(stack.service(model())).await;
}

#[tokio::test(start_paused = true)]
async fn with_a_timeout_above_and_below() {
    let second = Duration::from_secs(1);
    let observed = Observed::new();
    let layer = observed.layer.clone();
    observed.works(ServiceBuilder::new().timeout(second).layer(layer).service(model())).await;

    let observed = Observed::new();
    let layer = observed.layer.clone();
    observed.works(ServiceBuilder::new().layer(layer).timeout(second).service(model())).await;

    let stuck = service_fn(|_: Request<RequestBody<Body>>| {
        std::future::pending::<Result<Response, Infallible>>()
    });

    let observed = Observed::new();
    let above = ServiceBuilder::new().timeout(second).layer(observed.layer.clone()).service(stuck);
    assert!(above.oneshot(request()).await.unwrap_err().is::<Elapsed>());
    assert_eq!(observed.ended().await.error().unwrap().kind(), ErrorKind::Cancelled);

    let observed = Observed::new();
    let below = ServiceBuilder::new().layer(observed.layer.clone()).timeout(second).service(stuck);
    assert!(below.oneshot(request()).await.unwrap_err().is::<Elapsed>());
    let terminal = observed.ended().await;
    assert_eq!(terminal.error().unwrap().kind(), ErrorKind::Transport);
    assert_eq!(terminal.error().unwrap().message(), "request timed out");
}

#[tokio::test]
async fn with_a_buffer_above_and_below() {
    let observed = Observed::new();
    observed.works(Buffer::new(observed.layer.layer(model()), 8)).await;

    // The request carries the run to the buffer's task.
    let observed = Observed::new();
    let inner = service_fn(|request: Request<RequestBody<Body>>| async move {
        drop(request);
        Response::builder()
            .header("content-type", "application/json")
            .body(Body::from(ANSWER))
            .map_err(BoxError::from)
    });
    observed.works(observed.layer.layer(Buffer::new(inner, 8))).await;

    let (outer, inner) = (Observed::new(), Observed::new());
    let buffered = Buffer::new(inner.layer.layer(model()), 8);
    outer.works(outer.layer.layer(buffered)).await;
    assert_eq!(inner.ended().await.parent_run_id, Some(outer.ended().await.run_id));
}

#[tokio::test]
async fn as_a_boxed_service() {
    let observed = Observed::new();
    observed.works(BoxCloneSyncService::new(observed.layer.layer(model()))).await;

    let observed = Observed::new();
    observed.works(observed.layer.layer(BoxCloneSyncService::new(model()))).await;

    let observed = Observed::new();
    let service = observed.layer.layer(model());
    observed.works(service_fn(move |request| Oneshot::new(service.clone(), request))).await;
}

#[tokio::test]
async fn served_by_hyper_directly() {
    let observed = Observed::new();
    let service = TowerToHyperService::new(observed.layer.layer(routes()));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (connection, _) = listener.accept().await.unwrap();
        let server = auto::Builder::new(TokioExecutor::new());
        server.serve_connection(TokioIo::new(connection), service).await.unwrap();
    });
    let client = Client::builder(TokioExecutor::new()).build_http();
    let service = service_fn(move |mut request: Request<Body>| {
        let uri = format!("http://{address}{}", request.uri());
        *request.uri_mut() = uri.parse().unwrap();
        client.request(request)
    });
    observed.works(service).await;
}

/// Sends a body. Returns whether it was available as bytes, its bytes, and whether it had trailers.
async fn taken<B>(path: &str, body: B) -> (bool, Bytes, bool)
where
    B: http_body::Body<Error: Into<tower::BoxError>> + Send + 'static,
{
    let take = service_fn(|request: Request<RequestBody<B>>| async {
        let (is_whole, bytes, trailers) = match request.into_body().try_into_bytes() {
            Ok(bytes) => (true, bytes, false),
            Err(body) => {
                let all = body.collect().await.unwrap();
                let trailers = all.trailers().is_some();
                (false, all.to_bytes(), trailers)
            }
        };
        let mut response = http::Response::new(Full::new(bytes));
        response.extensions_mut().insert((is_whole, trailers));
        Ok::<_, Infallible>(response)
    });
    let request = Request::post(path).body(body).unwrap();
    let response = Observed::new().layer.layer(take).oneshot(request).await.unwrap();
    let (is_whole, trailers) = *response.extensions().get::<(bool, bool)>().unwrap();
    (is_whole, response.into_body().collect().await.unwrap().to_bytes(), trailers)
}

#[tokio::test]
async fn a_buffered_request_body_converts_to_bytes() {
    let body = || Full::new(Bytes::from_static(b"{}"));
    for path in ["/v1/messages", "/healthz"] {
        assert_eq!(taken(path, body()).await, (true, "{}".into(), false));
        assert_eq!(taken(path, Full::<Bytes>::default()).await, (true, Bytes::new(), false));

        let of_unknown_length = Body::from_stream(body().into_data_stream());
        assert_eq!(taken(path, of_unknown_length).await, (false, "{}".into(), false));

        let with_trailers = body().with_trailers(async {
            tokio::task::yield_now().await;
            Some(Ok(http::HeaderMap::new()))
        });
        assert_eq!(taken(path, with_trailers).await, (false, "{}".into(), true));
    }
}
