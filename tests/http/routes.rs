//! Which requests are LLM calls.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use support::http::{HELLO, Scripted, event_stream};
use support::{Mode, Recorders, on_each_runtime};
use tower::{Layer, Service};
use tower_llm_callbacks::{
    Callbacks, EventData, HttpCallbackLayer, LlmStart, ProviderError,
    testing::assert_promises,
    wire::{
        Decoder, Format, LlmHttpRequest, LlmHttpResponse,
        anthropic::{AnthropicDecoder, AnthropicMessages},
    },
};

/// A user format with a name.
#[derive(Debug, Clone, Copy)]
struct Own {
    name: &'static str,
    matches_request: fn(&Method, &str) -> bool,
}

fn own(name: &'static str) -> Own {
    Own { name, matches_request: |_, _| false }
}

impl Format for Own {
    fn matches(&self, method: &Method, path: &str) -> bool {
        (self.matches_request)(method, path)
    }

    fn start(&self, _: &LlmHttpRequest<'_>) -> LlmStart {
        LlmStart::new(self.name, "own")
    }

    fn decoder(&self, _: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        Box::new(AnthropicDecoder::new())
    }

    fn error(&self, _: StatusCode, _: &[u8]) -> ProviderError {
        ProviderError::new("own")
    }

    fn error_body(&self, _: StatusCode, message: &str) -> Vec<u8> {
        message.into()
    }
}

fn request(method: &Method, target: &str) -> Request<Empty<Bytes>> {
    Request::builder().method(method).uri(target).body(Empty::new()).unwrap()
}

async fn call(layer: &HttpCallbackLayer, method: Method, target: &str, answer: Response<Scripted>) {
    let mut service = layer.layer(support::http::Upstream(|| answer.clone()));
    let response = service.call(request(&method, target)).await.unwrap();
    let _ = response.into_body().collect().await;
}

/// The provider of the format that matched a request; `None` if the request is not a call.
async fn provider(
    layer: impl Fn(HttpCallbackLayer) -> HttpCallbackLayer,
    method: Method,
    target: &str,
) -> Option<String> {
    let recorders = Recorders::new(&[Mode::Inline]);
    let layer = layer(HttpCallbackLayer::new(recorders.callbacks.clone()));
    call(&layer, method, target, event_stream(Scripted::chunks(HELLO))).await;
    let events = recorders.each[0].1.events();
    assert_promises(&events);
    let EventData::LlmStart(start) = &events.first()?.data else { panic!("{events:?}") };
    Some(start.provider.to_string())
}

#[test]
fn built_in_formats_match_without_routes() {
    on_each_runtime(|| async {
        for (method, target, expected) in [
            (Method::POST, "/v1/messages", Some("anthropic")),
            (Method::POST, "/proxy/anthropic/v1/messages?beta=true", Some("anthropic")),
            (Method::POST, "https://api.anthropic.com/v1/messages", Some("anthropic")),
            (Method::GET, "/v1/messages", None),
            (Method::POST, "/v1/messages/", Some("anthropic")),
            (Method::POST, "/v1/messages/batches", None),
            (Method::POST, "/", None),
            (Method::CONNECT, "example.com:443", None),
        ] {
            let found = provider(|layer| layer, method.clone(), target).await;
            assert_eq!(found.as_deref(), expected, "{method} {target}");
        }
    });
}

#[test]
fn routes_match_exactly_or_by_a_star() {
    on_each_runtime(|| async {
        let layer = |layer: HttpCallbackLayer| {
            layer
                .route("/any/*", own("any"))
                .route("*/end", own("end"))
                .route("/a/*/z", own("middle"))
                .route("/exact", own("exact"))
                .ignore("/any/not")
                .route("/any/not/but", own("but"))
        };
        for (target, expected) in [
            ("/any/", Some("any")),
            ("/any/thing/else?q=1", Some("any")),
            ("/any", None),
            ("/some/end", Some("end")),
            ("/end", Some("end")),
            ("/any/end", Some("end")),
            ("/a/b/c/z", Some("middle")),
            // The star stands between two slashes.
            ("/a/z", None),
            ("/a//z", None),
            ("/exact", Some("exact")),
            ("/exact/", Some("exact")),
            ("/any/not", None),
            ("/any/not?but", None),
            ("/any/not/but", Some("but")),
        ] {
            for method in [Method::POST, Method::GET, Method::PUT] {
                let found = provider(layer, method, target).await;
                assert_eq!(found.as_deref(), expected, "{target}");
            }
        }
    });
}

#[test]
fn later_settings_win_and_routes_precede_formats() {
    on_each_runtime(|| async {
        let post = |layer| provider(layer, Method::POST, "/v1/messages");
        let yes = |name| Own { name, matches_request: |_, _| true };
        type Change = fn(HttpCallbackLayer) -> HttpCallbackLayer;
        let cases: [(Change, Option<&str>); 6] = [
            (|layer| layer.ignore("/v1/messages"), None),
            (|layer| layer.ignore("*"), None),
            (|layer| layer.ignore("*").route("/v1/*", AnthropicMessages), Some("anthropic")),
            (|layer| layer.route("/v1/*", AnthropicMessages).ignore("/v1/messages"), None),
            (|layer| layer.route("*", own("a")).route("/v1/*", own("b")), Some("b")),
            (|layer| layer.route("/v1/*", own("b")).route("*", own("a")), Some("a")),
        ];
        for (layer, expected) in cases {
            assert_eq!(post(layer).await.as_deref(), expected);
        }
        let found = provider(|layer| layer.format(yes("a")), Method::POST, "/v1/messages").await;
        assert_eq!(found.as_deref(), Some("a"), "user formats precede built-in ones");
        let both = |layer: HttpCallbackLayer| layer.format(yes("a")).format(yes("b"));
        assert_eq!(provider(both, Method::GET, "/").await.as_deref(), Some("b"));
        let routed = |layer: HttpCallbackLayer| layer.route("/", own("c")).format(yes("a"));
        assert_eq!(provider(routed, Method::GET, "/").await.as_deref(), Some("c"));
    });
}

/// What can never match would leave calls unobserved without a word.
#[test]
fn paths_that_cannot_match_are_refused() {
    let layer = || HttpCallbackLayer::new(Callbacks::new());
    for path in ["v1/foo", "", "http://h/v1/foo", "/v1/foo?x=1", "/v1/foo#x", "/v1/*/foo/*"] {
        let refused = |set: &dyn Fn() -> HttpCallbackLayer| {
            let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(set)).unwrap_err();
            let message = panic.downcast_ref::<String>().expect("a message");
            assert!(message.starts_with("the path of a route must"), "{path}: {message}");
        };
        refused(&|| layer().route(path, AnthropicMessages));
        refused(&|| layer().ignore(path));
        refused(&|| layer().provider_for(path, "acme"));
    }
    let _ = layer().route("*", AnthropicMessages).ignore("*/models");
}
