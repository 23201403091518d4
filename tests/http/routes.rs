//! Which requests are LLM calls.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use support::http::{HELLO, Scripted, Step, WHOLE, data, event_stream, json};
use support::quiet_panics;
use support::{Gate, Mode, PATIENCE, Recorders, everywhere, in_each_mode, on_each_runtime};
use tower::{BoxError, Layer, Service, service_fn};
use tower_llm_callbacks::{
    Abort, ErrorKind, EventData, EventKind, HttpCallbackLayer, LlmStart, ProviderError,
    http_layer::RequestBody,
    on_llm_start,
    testing::assert_promises,
    wire::{
        Decoder, Format, LlmHttpRequest, LlmHttpResponse, Match,
        anthropic::{AnthropicDecoder, AnthropicMessages},
    },
};

/// A user format with a name.
#[derive(Debug, Clone, Copy)]
struct Own {
    name: &'static str,
    matches_request: fn(&Method, &str) -> Match,
}

fn own(name: &'static str) -> Own {
    Own { name, matches_request: |_, _| Match::No }
}

impl Format for Own {
    fn matches(&self, method: &Method, path: &str) -> Match {
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
        let yes = |name| Own { name, matches_request: |_, _| Match::Yes };
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

fn if_streamed() -> Own {
    Own { name: "resumed", matches_request: |_, _| Match::IfStreamed }
}

#[test]
fn an_if_streamed_match_observes_streamed_answers_only() {
    everywhere(|recorders| async move {
        let layer = HttpCallbackLayer::new(recorders.callbacks.clone()).format(if_streamed());
        let streamed = || Scripted::chunks(HELLO);
        let mut refused = event_stream(streamed());
        *refused.status_mut() = StatusCode::NOT_FOUND;
        let mut untyped = event_stream(streamed());
        untyped.headers_mut().clear();
        for other in [json(200, Scripted::chunks([WHOLE])), json(404, streamed()), refused, untyped]
        {
            call(&layer, Method::GET, "/v1/responses/1", other).await;
        }
        assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
        recorders.nothing();

        let mut answer = event_stream(streamed());
        let charset = "Text/Event-Stream; charset=utf-8".parse().unwrap();
        answer.headers_mut().insert("content-type", charset);
        call(&layer, Method::GET, "/v1/responses/1?stream=true", answer).await;
        let end = recorders.ended(None).await;
        assert_eq!(end.result().unwrap().text(), "Hello");
        let events = recorders.each[0].1.events();
        let EventData::LlmStart(start) = &events[0].data else { panic!("{events:?}") };
        assert_eq!(&*start.provider, "resumed");
        let http = start.http.as_ref().unwrap();
        assert_eq!((&*http.method, &*http.url), ("GET", "/v1/responses/1"));
    });
}

/// No run starts if the call is dropped, fails or panics before the answer.
#[test]
fn an_if_streamed_match_without_an_answer_makes_no_run() {
    quiet_panics();
    in_each_mode(|mode| async move {
        let recorders = Recorders::new(&[mode]);
        let layer = HttpCallbackLayer::new(recorders.callbacks.clone()).format(if_streamed());
        let hangs = service_fn(|_: Request<RequestBody<Empty<Bytes>>>| {
            std::future::pending::<Result<Response<Scripted>, BoxError>>()
        });
        drop(layer.layer(hangs).call(request(&Method::GET, "/")));
        let fails = service_fn(|_: Request<RequestBody<Empty<Bytes>>>| {
            std::future::ready(Err::<Response<Scripted>, BoxError>("no".into()))
        });
        let error = layer.layer(fails).call(request(&Method::GET, "/")).await.unwrap_err();
        assert_eq!(error.to_string(), "no");
        let panics = service_fn(|_: Request<RequestBody<Empty<Bytes>>>| async {
            if true {
                panic!("scripted: the service panics");
            }
            Err::<Response<Scripted>, BoxError>("no".into())
        });
        let mut service = layer.layer(panics);
        let call = async move { service.call(request(&Method::GET, "/")).await.map(|_| ()) };
        assert!(tokio::spawn(call).await.unwrap_err().is_panic());
        // The request's body is still pending.
        let hangs = Scripted::new([Step::Hang]);
        let inner = support::http::Upstream(|| json(200, Scripted::new([])));
        drop(layer.layer(inner).call(Request::get("/").body(hangs).unwrap()));
        assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
        recorders.nothing();
    });
}

/// The run is known by its response only, and its times are those of the call all the same.
#[test]
fn the_times_of_an_if_streamed_call_include_the_wait_for_its_response() {
    let runtime = support::Flavor::Current.builder().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let recorders = Recorders::new(&[Mode::Inline]);
        let layer = HttpCallbackLayer::new(recorders.callbacks.clone()).format(if_streamed());
        let answers = service_fn(|_: Request<RequestBody<Empty<Bytes>>>| async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            Ok::<_, BoxError>(event_stream(Scripted::chunks(HELLO)))
        });
        let answer = layer.layer(answers).call(request(&Method::GET, "/")).await.unwrap();
        answer.into_body().collect().await.unwrap();
        let end = recorders.ended(None).await;
        let (result, three) = (end.result().unwrap(), Duration::from_secs(3));
        assert_eq!((result.duration, result.time_to_first_token), (three, Some(three)));
    });
}

/// The start phase happens at the answer, before the first frame. An abort in it ends the body.
#[test]
fn an_if_streamed_call_waits_for_its_start_before_the_first_frame() {
    on_each_runtime(|| async {
        let (gate, recorders) = (Gate::new(), Recorders::new(&[Mode::Inline]));
        let recorders = recorders.with(gate.at(EventKind::LlmStart));
        let layer = HttpCallbackLayer::new(recorders.callbacks.clone()).format(if_streamed());
        let answer = event_stream(Scripted::new(HELLO.map(data)));
        let mut service = layer.layer(support::http::Upstream(|| answer.clone()));
        let response = service.call(request(&Method::GET, "/")).await.unwrap();
        let mut body = tokio_test::task::spawn(response.into_body());
        gate.entered().await;
        tokio_test::assert_pending!(body.enter(|cx, body| http_body::Body::poll_frame(body, cx)));
        gate.open();
        let all = body.into_inner().collect().await.unwrap().to_bytes();
        assert_eq!(all, HELLO.concat());
        recorders.ended(None).await;

        let recorders = Recorders::new(&[Mode::Inline]);
        let aborts = on_llm_start(|run, _| {
            run.abort(Abort::new("enough"));
        });
        let callbacks = recorders.callbacks.clone().inline(aborts);
        let layer = HttpCallbackLayer::new(callbacks).format(if_streamed());
        let mut service = layer.layer(support::http::Upstream(|| answer.clone()));
        let response = service.call(request(&Method::GET, "/")).await.unwrap();
        let (bytes, error) = support::http::read(response.into_body()).await;
        assert!(bytes.is_empty() && error.unwrap().is::<tower_llm_callbacks::Aborted>());
        recorders.ended(Some(ErrorKind::Aborted)).await;
    });
}
