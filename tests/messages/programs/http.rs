use std::convert::Infallible;

use support::{
    bytes::Bytes,
    http_types::{Request, Response},
    http_body_util::Full,
    tower::{Layer, service_fn, util::{BoxCloneService, BoxService}},
    tower_llm_callbacks::{
        Callbacks, HttpCallbackLayer,
        chat::ChatRequest,
        drain::DrainLayer,
        model::anthropic::{AnthropicConfig, AnthropicLayer},
        timeout::BodyTimeoutLayer,
    },
};

type Body = Full<Bytes>;

/// The request of another client.
pub struct Foreign;

fn layer() -> HttpCallbackLayer {
    HttpCallbackLayer::new(Callbacks::new())
}

fn another_client() {
    let client = || BoxCloneService::new(service_fn(|_: Foreign| async { Ok::<_, Infallible>(Foreign) }));
    let _ = layer().layer(client()).checked::<Request<Body>>(); //~ a `reqwest::Client` is one in a `model::ReqwestService`
    let _ = BodyTimeoutLayer::new().layer(client()).checked::<Request<Body>>(); //~ is not an HTTP service for requests
    let _ = DrainLayer::new().layer(client()).checked::<Request<Body>>(); //~ is not an HTTP service for requests
}

fn another_body() {
    let client = service_fn(|_: Request<Body>| async { Ok::<_, Infallible>(Response::new(Body::default())) });
    let _ = layer().layer(client).checked::<Request<Body>>(); //~ the body below an `HttpCallbackLayer` is an `http_layer::RequestBody`
}

fn another_response() {
    let client = service_fn(|_: Request<Body>| async { Ok::<_, Infallible>("Hello") });
    let config = AnthropicConfig::new("key");
    let _ = AnthropicLayer::new(config).layer(client).checked::<ChatRequest>(); //~ whose response is an `http::Response`
}

fn not_clone() {
    let client = BoxService::new(service_fn(|_: Request<support::tower_llm_callbacks::http_layer::RequestBody<Body>>| async {
        Ok::<_, Infallible>(Response::new(Body::default()))
    }));
    let _ = layer().layer(client).checked::<Request<Body>>(); //~ is not `Clone`
}
