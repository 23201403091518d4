//! Secrets in any place of a request or an answer reach no span, metric or log, with content enabled or not.

use bytes::Bytes;
use futures::FutureExt;
use http::Request;
use http_body_util::{BodyExt, Full};
use support::otel::{Otel, With};
use tower::{Layer, Service, service_fn};
use tower_llm_callbacks::{
    HttpCallbackLayer, RunConfig,
    handlers::OtelContent,
    http_layer::{RequestBody, TracePropagation},
};

use crate::calls::{Answer, TARGETS, Target, WAYS, request};

async fn call(otel: &Otel, target: Target, answer: Answer) {
    let layer = HttpCallbackLayer::new(otel.callbacks())
        .name("gateway")
        .propagation(TracePropagation::Child);
    let inner = service_fn(move |_: Request<RequestBody<Full<Bytes>>>| async move {
        tokio::task::yield_now().await;
        answer()
    });
    let mut service = layer.layer(inner);
    // The conversation's id is recorded. Other metadata is not.
    let config = RunConfig::new()
        .metadata("gen_ai.conversation.id", "conv_1")
        .metadata("token", "CANARY-metadata")
        .tags(["CANARY-tag"]);
    let future = config.scope(service.call(request(target)));
    if let Ok(response) = future.await {
        let mut body = response.into_body();
        let read = async { while let Some(Ok(_)) = body.frame().await {} };
        let _panics = std::panic::AssertUnwindSafe(read).catch_unwind().await;
    }
}

#[tokio::test]
async fn secrets_reach_no_span_metric_or_log() {
    support::http::quiet_panics();
    support::log::start();
    for content in [OtelContent::Off, OtelContent::Span, OtelContent::Event, OtelContent::Both] {
        for without_logs in [false, true] {
            let otel = Otel::with(With { content, without_logs, ..With::default() });
            for target in TARGETS {
                for (kind, answer) in WAYS {
                    call(&otel, target, answer).await;
                    let everything = otel.everything();
                    let leak = everything.find("CANARY");
                    let around = leak.map(|at| &everything[at.saturating_sub(300)..][..400]);
                    assert_eq!(around, None, "{content:?} {kind:?} {target}");
                }
            }
            assert_eq!(otel.ended().len(), TARGETS.len() * WAYS.len());
            let on_span = matches!(content, OtelContent::Span | OtelContent::Both);
            assert_eq!(otel.ended()[0].attributes.contains_key("gen_ai.input.messages"), on_span);
        }
    }
    let logged = support::log::all();
    let leak = logged.lines().find(|line| line.contains("CANARY"));
    assert!(leak.is_none(), "{leak:?}");
}
