//! What the upstream receives of the trace context: the headers unchanged, the run's own context, or no
//! headers.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use support::http::{Scripted, Step, WHOLE, data, json, post, prompt};
use support::{on_each_runtime, runs};
use tower::{BoxError, Layer, Service, service_fn};
use tower_llm_callbacks::{
    Callbacks, EventKind, HttpCallbackLayer, Registration, Run, RunConfig, RunLayer,
    http_layer::{RequestBody, TracePropagation},
    on_event, on_event_async, on_llm_start,
    run::TraceParent,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const OTHER: &str = "00-11111111111111111111111111111111-2222222222222222-01";

/// Adds these headers and some that are unrelated to tracing.
fn with<B>(mut request: Request<B>, headers: &[(&'static str, &'static str)]) -> Request<B> {
    for (name, value) in [
        ("authorization", "Bearer key"),
        ("baggage", "user=1"),
        ("b3", "1-2-3"),
        ("x-request-id", "r"),
    ] {
        request.headers_mut().append(name, HeaderValue::from_static(value));
    }
    for (name, value) in headers {
        request.headers_mut().append(*name, HeaderValue::from_static(value));
    }
    request
}

/// Sends a request. Returns the headers that the upstream received.
fn sent<B>(layer: &HttpCallbackLayer, request: Request<B>) -> BoxFuture<'static, HeaderMap>
where
    B: Body<Data: Send, Error: Send> + Send + 'static,
{
    let seen = Arc::new(Mutex::new(None));
    let got = Arc::clone(&seen);
    let inner = service_fn(move |request: Request<RequestBody<B>>| {
        *got.lock().unwrap() = Some(request.headers().clone());
        std::future::ready(Ok::<_, BoxError>(json(200, Full::<Bytes>::from(WHOLE))))
    });
    let mut service = layer.layer(inner);
    let response = service.call(request);
    Box::pin(async move {
        response.await.unwrap().into_body().collect().await.unwrap();
        let headers = seen.lock().unwrap().take();
        headers.unwrap()
    })
}

/// Asserts that only trace headers changed.
#[track_caller]
fn assert_others_unchanged(before: &HeaderMap, after: &HeaderMap) {
    let others = |headers: &HeaderMap| {
        let mut headers = headers.clone();
        headers.remove("traceparent");
        headers.remove("tracestate");
        headers
    };
    assert_eq!(others(before), others(after));
}

fn all<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

fn layer(callbacks: Callbacks, propagation: TracePropagation) -> HttpCallbackLayer {
    HttpCallbackLayer::new(callbacks).propagation(propagation)
}

fn some() -> Callbacks {
    Callbacks::new().inline(on_event(|_, _| {}))
}

#[test]
fn trace_headers_pass_unchanged_by_default() {
    on_each_runtime(|| async {
        for layer in [
            HttpCallbackLayer::new(some()),
            layer(some(), TracePropagation::PassThrough),
            layer(Callbacks::new(), TracePropagation::PassThrough),
        ] {
            for headers in [
                vec![],
                vec![("traceparent", PARENT), ("tracestate", "a=1,b=2"), ("tracestate", "c=3")],
                vec![("traceparent", " nonsense"), ("traceparent", PARENT)],
                vec![("tracestate", "a=1")],
            ] {
                let request = with(prompt(), &headers);
                let before = request.headers().clone();
                assert_eq!(sent(&layer, request).await, before);
            }
        }
    });
}

#[test]
fn strip_removes_them_from_every_request() {
    on_each_runtime(|| async {
        // Also without handlers, and from requests that are not LLM calls.
        for callbacks in [some(), Callbacks::new()] {
            let layer = layer(callbacks, TracePropagation::Strip);
            for path in ["/v1/messages", "/v1/models"] {
                let headers = [
                    ("traceparent", PARENT),
                    ("traceparent", OTHER),
                    ("tracestate", "a=1"),
                    ("tracestate", "b=2"),
                ];
                let mut request = with(prompt(), &headers);
                *request.uri_mut() = path.parse().unwrap();
                let before = request.headers().clone();
                let after = sent(&layer, request).await;
                assert!(!after.contains_key("traceparent") && !after.contains_key("tracestate"));
                assert_others_unchanged(&before, &after);
            }
        }
    });
}

/// The run still has the trace context that the upstream does not receive.
#[test]
fn a_stripped_request_is_still_part_of_its_trace() {
    on_each_runtime(|| async {
        let (handler, seen) = runs();
        let layer = layer(Callbacks::new().add(handler), TracePropagation::Strip);
        sent(&layer, with(prompt(), &[("traceparent", PARENT)])).await;
        assert_eq!(seen.lock().unwrap()[0].inbound_traceparent().unwrap().to_string(), PARENT);
    });
}

/// Parses the only `traceparent` into trace, parent and flags.
#[track_caller]
fn child(headers: &HeaderMap) -> (String, String, String) {
    let values = all(headers, "traceparent");
    assert_eq!(values.len(), 1, "{values:?}");
    let valid: TraceParent = values[0].parse().unwrap();
    let (trace, parent) = (valid.trace_id().to_owned(), valid.parent_id().to_owned());
    (trace, parent, values[0][53..].to_owned())
}

/// Without a handler that sets a span context, the ids are the run's, as in event records.
#[test]
fn child_uses_the_runs_ids() {
    on_each_runtime(|| async {
        let cases: [(&[_], &str, Option<&str>, &[&str]); 6] = [
            (&[("traceparent", PARENT), ("tracestate", "a=1")], "01", Some(TRACE), &["a=1"]),
            (
                &[("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")],
                "00",
                Some(TRACE),
                &[],
            ),
            (&[], "00", None, &[]),
            // A `tracestate` without a valid trace is dropped.
            (&[("tracestate", "a=1")], "00", None, &[]),
            (&[("traceparent", "nonsense"), ("tracestate", "a=1")], "00", None, &[]),
            (
                &[("traceparent", PARENT), ("traceparent", OTHER), ("tracestate", "a=1")],
                "00",
                None,
                &[],
            ),
        ];
        for (headers, flags, trace, state) in cases {
            let (handler, seen) = runs();
            let layer = layer(Callbacks::new().add(handler), TracePropagation::Child);
            let request = with(prompt(), headers);
            let before = request.headers().clone();
            let after = sent(&layer, request).await;
            let run = seen.lock().unwrap()[0].clone();
            let (run_id, trace_id) =
                (run.run_id().simple().to_string(), run.root_run_id().simple().to_string());
            let expected = trace.map_or(trace_id, str::to_owned);
            assert_eq!(child(&after), (expected, run_id[16..].to_owned(), flags.to_owned()));
            assert_eq!(all(&after, "tracestate"), state, "{headers:?}");
            assert_others_unchanged(&before, &after);
        }
    });
}

/// Runs of one tree share a trace.
#[test]
fn child_uses_the_root_runs_trace() {
    on_each_runtime(|| async {
        let layer = layer(some(), TracePropagation::Child);
        let chain = service_fn(move |_: ()| {
            let layer = layer.clone();
            async move { Ok::<_, BoxError>(child(&sent(&layer, with(prompt(), &[])).await)) }
        });
        let (handler, seen) = runs();
        let chain = RunLayer::chain("c").callbacks(Callbacks::new().add(handler)).layer(chain);
        let (trace, ..) = chain.oneshot(()).await.unwrap();
        let root = seen.lock().unwrap()[0].run_id().simple().to_string();
        assert_eq!(trace, root);
    });
}

/// A run may have any id, but zero ids are invalid in a trace context.
#[test]
fn child_of_a_nil_run_id_is_valid() {
    on_each_runtime(|| async {
        let layer = layer(some(), TracePropagation::Child);
        let config = RunConfig::new().run_id(uuid::Uuid::nil());
        let after = config.scope(async move { sent(&layer, with(prompt(), &[])).await }).await;
        let (trace, parent, _) = child(&after);
        assert!(trace.ends_with('1') && parent.ends_with('1'));
    });
}

fn set_context(run: &Run) {
    assert!(run.set_span_context(OTHER.parse().unwrap()));
    assert!(!run.set_span_context(PARENT.parse().unwrap()), "the first context is kept");
}

/// A handler sets the span context of the run: inline, or in the awaited start phase.
#[test]
fn child_uses_the_span_context_set_by_a_handler() {
    on_each_runtime(|| async {
        let inline = Registration::inline(on_llm_start(|run, _| set_context(run)));
        let blocking = Registration::blocking(on_llm_start(|run: &Run, _| {
            std::thread::sleep(Duration::from_millis(20));
            set_context(run);
        }));
        let async_handler = Registration::async_handler(on_event_async(|run, event| async move {
            if event.kind() == EventKind::LlmStart {
                tokio::time::sleep(Duration::from_millis(20)).await;
                set_context(&run);
            }
        }));
        for handler in [inline, blocking, async_handler] {
            let layer = layer(Callbacks::new().add(handler), TracePropagation::Child);
            // The span belongs to another trace than the request.
            let headers = [("traceparent", PARENT), ("tracestate", "a=1")];
            let after = sent(&layer, with(prompt(), &headers)).await;
            assert_eq!(all(&after, "traceparent"), [OTHER]);
            assert!(!after.contains_key("tracestate"));
        }
    });
}

/// A request with a late body is sent by the future, with the same headers.
#[test]
fn child_of_a_request_with_a_late_body() {
    on_each_runtime(|| async {
        let (handler, seen) = runs();
        let layer = layer(Callbacks::new().add(handler), TracePropagation::Child);
        let body = Scripted::new([Step::Wait, data(support::http::PROMPT)]);
        let after = sent(&layer, with(post(body), &[("traceparent", PARENT)])).await;
        let run_id = seen.lock().unwrap()[0].run_id().simple().to_string();
        assert_eq!(child(&after), (TRACE.into(), run_id[16..].into(), "01".into()));
    });
}

/// Requests without a run, or which may turn out to have no run, pass unchanged.
#[test]
fn requests_without_a_run_pass_unchanged() {
    on_each_runtime(|| async {
        for (callbacks, method, path) in [
            (Callbacks::new(), Method::POST, "/v1/messages"),
            (some(), Method::POST, "/v1/models"),
            (some(), Method::GET, "/v1/responses/resp_1/input_items"),
        ] {
            let layer = layer(callbacks, TracePropagation::Child);
            let mut request = with(prompt(), &[("traceparent", PARENT), ("tracestate", "a=1")]);
            *request.method_mut() = method;
            *request.uri_mut() = path.parse().unwrap();
            let before = request.headers().clone();
            assert_eq!(sent(&layer, request).await, before, "{path}");
        }
    });
}

mod otel {
    use opentelemetry_sdk::trace::{InMemorySpanExporter, Sampler, SdkTracerProvider};
    use tower_llm_callbacks::handlers::OtelSpans;

    use super::*;

    fn provider(sampler: Sampler) -> (InMemorySpanExporter, SdkTracerProvider) {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone());
        (exporter, provider.with_sampler(sampler).build())
    }

    /// The upstream receives the context of the run's span.
    #[test]
    fn child_uses_the_runs_otel_span() {
        on_each_runtime(|| async {
            for headers in [&[("traceparent", PARENT), ("tracestate", "a=1")][..], &[]] {
                let (exporter, provider) = provider(Sampler::AlwaysOn);
                let spans = OtelSpans::builder().tracer_provider(provider).build();
                let layer = layer(Callbacks::new().inline(spans), TracePropagation::Child);
                let after = sent(&layer, with(prompt(), headers)).await;
                let span = exporter.get_finished_spans().unwrap().remove(0);
                let (trace, id) = (span.span_context.trace_id(), span.span_context.span_id());
                assert_eq!(child(&after), (trace.to_string(), id.to_string(), "01".into()));
                assert_eq!(trace.to_string() == TRACE, !headers.is_empty());
                assert_eq!(all(&after, "tracestate").len(), headers.len() / 2);
            }
        });
    }

    /// A span that is not recorded is propagated as not sampled.
    #[test]
    fn child_of_an_unsampled_span_is_unsampled() {
        on_each_runtime(|| async {
            let (_, provider) = provider(Sampler::AlwaysOff);
            let spans = OtelSpans::builder().tracer_provider(provider).build();
            let layer = layer(Callbacks::new().inline(spans), TracePropagation::Child);
            let after = sent(&layer, with(prompt(), &[("traceparent", PARENT)])).await;
            let (trace, _, flags) = child(&after);
            assert_eq!((&*trace, &*flags), (TRACE, "00"));
        });
    }
}
