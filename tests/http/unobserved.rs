//! Promise 12: requests to LLM APIs that no format recognises are counted.

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use tower::{BoxError, Layer, service_fn};
use tower_llm_callbacks::{Callbacks, HttpCallbackLayer, on_llm_end};

async fn send(layer: &HttpCallbackLayer, method: &str, target: &str) {
    let server =
        service_fn(|_| async { Ok::<_, BoxError>(Response::new(Full::<Bytes>::default())) });
    let request = Request::builder().method(method).uri(target).body(Full::<Bytes>::default());
    layer.layer(server).oneshot(request.unwrap()).await.unwrap();
}

fn counted(layer: &HttpCallbackLayer) -> Vec<(String, String, u64)> {
    let unobserved = layer.stats().unobserved;
    let row = |it: &tower_llm_callbacks::http_layer::UnobservedRequests| {
        (it.method.to_string(), it.path.to_string(), it.requests)
    };
    unobserved.iter().map(row).collect()
}

#[tokio::test]
async fn requests_to_llm_apis_that_nobody_observes_are_counted() {
    let callbacks = Callbacks::new().inline(on_llm_end(|_, _| {}));
    let layer = HttpCallbackLayer::new(callbacks).ignore("/v1/ignored").ignore("/v1/files/*");
    for (method, target) in [
        ("GET", "/v1/models"),
        ("GET", "/v1/mod%65ls/"),
        ("GET", "/v1/models/gpt-4o?key=CANARY"),
        ("GET", "/v1/models/CANARY-1"),
        ("POST", "/v1/realtime/sessions"),
        ("POST", "/v2/CANARYCANARYCANARYCANARYCANARY/parse"),
        ("POST", "/v1/messages/count_tokens?beta=true"),
        ("POST", "/v1/responses/input_tokens"),
        ("POST", "/v1/messages/batches"),
        ("POST", "/v1beta/models/CANARY1:countTokens"),
        ("POST", "/openai/deployments/CANARY/images/info?api-version=1"),
        ("POST", "/model/arn%3Aaws%3Abedrock%3ACANARY%2Fx-1/count-tokens"),
        ("CANARY", "/api/show"),
        ("CONNECT", "/v1/realtime"),
        // Recognised, ignored, no API's, or calling nothing.
        ("POST", "/v1/messages"),
        ("POST", "/v1/ignored"),
        ("GET", "/v1/files/file-1"),
        ("GET", "/"),
        ("GET", "/health"),
        ("GET", "/assets/app.js"),
        ("OPTIONS", "/v1/models"),
        ("HEAD", "/v1/models"),
    ] {
        send(&layer, method, target).await;
    }
    let row = |method: &str, path: &str, requests| (method.to_owned(), path.to_owned(), requests);
    assert_eq!(
        counted(&layer.clone().name("clone")),
        [
            row("GET", "/v1/models", 2),
            row("GET", "/v1/models/{}", 2),
            row("POST", "/v1/realtime/sessions", 1),
            row("POST", "/v2/{}/parse", 1),
            row("POST", "/v1/messages/count_tokens", 1),
            row("POST", "/v1/responses/input_tokens", 1),
            row("POST", "/v1/messages/batches", 1),
            row("POST", "/v1beta/models/{}:countTokens", 1),
            row("POST", "/openai/deployments/{}/images/{}", 1),
            row("POST", "/model/{}/{}/count-tokens", 1),
            row("other", "/api/show", 1),
            row("CONNECT", "/v1/realtime", 1),
        ]
    );
}

#[tokio::test]
async fn the_list_of_unobserved_requests_is_bounded() {
    let layer = HttpCallbackLayer::new(Callbacks::new());
    for at in 0..100_u32 {
        let word: String = format!("{at:03}").bytes().map(|digit| char::from(digit + 49)).collect();
        for _ in 0..2 {
            send(&layer, Method::POST.as_str(), &format!("/v1/word-{word}")).await;
        }
    }
    let counted = counted(&layer);
    assert_eq!(counted.len(), 65);
    assert!(counted[..64].iter().all(|(_, _, requests)| *requests == 2));
    assert_eq!(counted[64], ("other".to_owned(), "other".to_owned(), 72));
}
