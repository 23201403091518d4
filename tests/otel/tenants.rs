//! What belongs to a tenant: the labels of metrics, usage, budgets, spans and records agree, and are bounded.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use support::{
    PATIENCE,
    otel::{Otel, With},
    read,
};
use tower::{Layer, Service, ServiceExt};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, HandlerExt, Run, RunConfig, RunLayer, Usage,
    chat::ChatRequest,
    handler::Sampling,
    handlers::{BudgetGuard, LlmMetrics, UsageTotals},
    on_event,
    testing::{Recorder, Script, ScriptedModel},
};

const TENANTS: u64 = 7;

async fn call(callbacks: &Callbacks, nth: u64, script: Script) {
    let config = RunConfig::new()
        .callbacks(callbacks)
        .metadata("tenant", format!("t-{}", nth % TENANTS))
        .metadata("session_id", format!("s-{nth}"));
    let chain = config.sync_scope(|| {
        RunLayer::chain("agent").run(async move {
            let mut model = CallbackLayer::new(Callbacks::new()).layer(ScriptedModel::new(script));
            let request = ChatRequest::new("m").user("Hi");
            read(model.ready().await?.call(request).await?).await;
            Ok::<_, tower::BoxError>(())
        })
    });
    chain.await.unwrap();
}

fn script(nth: u64) -> Script {
    let script = Script::new().respond().text("a").usage(Usage::new(nth + 1, 2));
    if nth % 5 == 4 { script.fail("reset") } else { script.complete("stop") }
}

/// The input tokens of each tenant.
type Sums = BTreeMap<String, u64>;

#[tokio::test]
async fn metrics_usage_budgets_spans_and_records_agree_by_tenant() {
    let otel = Otel::with(With { metadata: Some("tenant"), ..With::default() });
    let totals = UsageTotals::builder().by_metadata("tenant").build();
    let budget = BudgetGuard::builder().tokens(1_000_000).per_metadata("tenant").build();
    let recorder = Recorder::new();
    let callbacks = Callbacks::new()
        .inline(otel.spans.clone())
        .inline(otel.metrics.clone())
        .inline(totals.clone())
        .inline(budget.clone())
        .blocking(recorder.clone());
    for nth in 0..70 {
        call(&callbacks, nth, script(nth)).await;
    }
    assert!(callbacks.flush(PATIENCE).await.is_complete());

    let mut expected = Sums::new();
    for nth in 0..70 {
        *expected.entry(format!("t-{}", nth % TENANTS)).or_default() += nth + 1;
    }
    let mut sums = Sums::new();
    for terminal in recorder.terminals() {
        let Some(result) = terminal.result() else { continue };
        let tenant = terminal.metadata["tenant"].as_str().unwrap().to_owned();
        *sums.entry(tenant).or_default() += result.usage.as_ref().unwrap().input_tokens.unwrap();
    }
    assert_eq!(sums, expected, "records");

    let snapshot = totals.snapshot();
    let of_totals = |tenant: &String| {
        let group = snapshot.group(&[("metadata.tenant", tenant)]).unwrap();
        (tenant.clone(), group.counts.reported.input_tokens.unwrap())
    };
    assert_eq!(expected.keys().map(of_totals).collect::<Sums>(), expected, "usage");

    // Input and output.
    let spent = |tenant: &String| {
        let key = budget.key(tenant).unwrap();
        (tenant.clone(), key.spent_tokens - 10 * 2)
    };
    assert_eq!(expected.keys().map(spent).collect::<Sums>(), expected, "budgets");

    let mut sums = Sums::new();
    for span in otel.ended() {
        let Some(tokens) = span.attributes.get("gen_ai.usage.input_tokens") else { continue };
        let tenant = span.attributes["run.metadata.tenant"].as_str().unwrap().to_owned();
        *sums.entry(tenant).or_default() += tokens.as_u64().unwrap();
    }
    assert_eq!(sums, expected, "spans");

    let mut sums = Sums::new();
    for point in &otel.measured()["gen_ai.client.token.usage"].points {
        if point.attributes["gen_ai.token.type"] == "input" {
            let tenant = point.attributes["run.metadata.tenant"].as_str().unwrap().to_owned();
            *sums.entry(tenant).or_default() += point.sum as u64;
        }
    }
    assert_eq!(sums, expected, "metrics");
}

/// Whatever clients send as a tenant, each sink has a bounded number of them.
#[tokio::test]
async fn tenants_are_bounded() {
    let otel =
        Otel::with(With { metadata: Some("tenant"), max_models: Some(5), ..With::default() });
    let totals = UsageTotals::builder().by_metadata("tenant").max_groups(5).build();
    let budget = BudgetGuard::builder().tokens(1_000).per_metadata("tenant").max_keys(5).build();
    let recorder = metrics_util::debugging::DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let llm_metrics = LlmMetrics::builder().metadata("tenant").max_label_values(5).build();
    let callbacks = Callbacks::new()
        .inline(otel.metrics.clone())
        .inline(totals.clone())
        .inline(budget.clone())
        .inline(llm_metrics);
    for nth in 0..60 {
        let tenant = format!("any-{nth}-{}", "x".repeat(nth * 5));
        let config = RunConfig::new().metadata("tenant", tenant);
        let mut model = CallbackLayer::new(&callbacks).layer(ScriptedModel::new(script(1)));
        let request = ChatRequest::new("m").user("Hi");
        let answer = config.scope(async { model.ready().await.unwrap().call(request).await }).await;
        read(answer.unwrap()).await;
    }
    let measured = otel.measured();
    let points = &measured["gen_ai.client.operation.duration"].points;
    let others = points.iter().filter(|it| it.attributes["run.metadata.tenant"] == "_OTHER");
    assert_eq!((points.len(), others.map(|point| point.count).sum::<u64>()), (6, 55));
    let snapshot = totals.snapshot();
    assert!(snapshot.groups.len() <= 6, "{}", snapshot.groups.len());
    assert_eq!(snapshot.total.runs, 60);
    assert!(budget.report().keys.len() <= 6);
    let snapshot = recorder.snapshotter().snapshot().into_vec();
    let tenants = snapshot.iter().flat_map(|(key, ..)| key.key().labels());
    let tenants = tenants.filter(|label| label.key() == "tenant").map(|label| label.value());
    assert_eq!(tenants.collect::<std::collections::HashSet<_>>().len(), 6);
}

/// Records carry the ids of the spans that are exported, whatever becomes of a run.
#[tokio::test]
async fn records_join_with_exported_spans() {
    let otel = Otel::new();
    let records = std::sync::Arc::new(std::sync::Mutex::new(Vec::<Value>::new()));
    let seen = std::sync::Arc::clone(&records);
    let record =
        on_event(move |run: &Run, event| seen.lock().unwrap().push(json!(event.record(run))));
    // The spans first, so that each record has their ids.
    let callbacks = Callbacks::new().inline(otel.spans.clone()).blocking(record);
    for nth in 0..20 {
        call(&callbacks, nth, script(nth)).await;
    }
    assert!(callbacks.flush(PATIENCE).await.is_complete());
    let spans: BTreeMap<_, _> = otel
        .ended()
        .into_iter()
        .map(|span| (span.attributes["run.id"].as_str().unwrap().to_owned(), span))
        .collect();
    assert_eq!(spans.len(), 40);
    let records = records.lock().unwrap();
    // A start and an end of each run, and a token of each call.
    assert_eq!(records.len(), 20 * 5);
    for record in &*records {
        let span = &spans[record["run_id"].as_str().unwrap()];
        assert_eq!(record["trace_id"], span.trace.to_string(), "{record}");
        assert_eq!(record["span_id"], span.id.to_string(), "{record}");
        let parent = record["parent_run_id"].as_str().map(|id| spans[id].id);
        assert_eq!(parent.unwrap_or(opentelemetry::SpanId::INVALID), span.parent);
        assert_eq!(record["metadata"]["session_id"], span.attributes["session.id"]);
    }
}

/// A sample of 1 % in front of an exporter: all errors, whole trees of the rest, and totals of everything.
#[tokio::test]
async fn a_sample_of_spans_has_all_errors_and_exact_totals() {
    let otel = Otel::new();
    let totals = UsageTotals::new();
    let sampling = Sampling::share(0.01).keep_errors();
    let callbacks = Callbacks::new()
        .inline(otel.spans.clone().sample(sampling))
        .inline(otel.metrics.clone())
        .inline(totals.clone());
    let (runs, mut tokens, mut errors) = (2_000, 0, 0);
    for nth in 0..runs {
        (tokens, errors) = (tokens + nth + 1, errors + usize::from(nth % 5 == 4));
        call(&callbacks, nth, script(nth)).await;
    }
    let spans = otel.ended();
    let failed = spans.iter().filter(|span| span.attributes.contains_key("error.type"));
    assert_eq!(failed.count(), errors);
    let completed = spans.len() - errors;
    assert!((4..=120).contains(&completed), "{completed}");
    assert_eq!(otel.spans.open_runs(), 0);
    let total = totals.snapshot().total;
    assert_eq!((total.runs, total.reported.input_tokens), (runs, Some(tokens)));
    let duration = &otel.measured()["gen_ai.client.operation.duration"];
    assert_eq!(duration.points.iter().map(|point| point.count).sum::<u64>(), runs);
}
