//! Grouping of runs, and the bound on groups.

use serde_json::json;
use support::read;
use tower::{Layer, Service};
use tower_llm_callbacks::{
    chat::ChatRequest,
    handlers::{UsageSnapshot, UsageTotals},
    testing::{Script, ScriptedModel},
};

use super::{answer_of, assert_adds_up, by, layer, run, used};

fn keys(snapshot: &UsageSnapshot) -> Vec<Vec<Option<&str>>> {
    let groups = snapshot.groups.iter();
    groups.map(|group| group.key.iter().map(|(_, value)| value).collect()).collect()
}

async fn ask(totals: &UsageTotals, request: ChatRequest, script: Script) {
    let mut model = layer(totals).layer(ScriptedModel::new(script));
    if let Ok(answer) = model.call(request).await {
        read(answer).await;
    }
}

#[tokio::test]
async fn without_grouping_there_is_only_the_total() {
    let totals = UsageTotals::new();
    run(&layer(&totals), used(1, 2)).await;
    let snapshot = totals.snapshot();
    assert!(snapshot.groups.is_empty() && snapshot.windows.is_empty());
    assert_eq!((snapshot.total.runs, snapshot.other.runs), (1, 0));
}

#[tokio::test]
async fn by_model_and_provider() {
    let totals = UsageTotals::builder().by_model().by_provider().build();
    // The model that answers counts, and the one that was asked for where it does not say.
    ask(&totals, ChatRequest::new("claude-x"), answer_of("claude-x-1", 1, 2)).await;
    ask(&totals, ChatRequest::new("claude-x"), answer_of("claude-x-1", 10, 20)).await;
    ask(&totals, ChatRequest::new("claude-x"), Script::new().fail("refused").respond()).await;
    ask(&totals, ChatRequest::new("gpt-y"), used(100, 200)).await;
    let snapshot = totals.snapshot();
    assert_eq!(
        keys(&snapshot),
        [
            [Some("claude-x"), Some("anthropic")],
            [Some("claude-x-1"), Some("anthropic")],
            [Some("gpt-y"), Some("openai")]
        ]
    );
    let group = snapshot.group(&[("model", "claude-x-1"), ("provider", "anthropic")]).unwrap();
    assert_eq!((group.counts.runs, group.counts.reported.output_tokens), (2, Some(22)));
    assert_eq!(snapshot.total.reported.total_tokens, Some(333));
    assert!(snapshot.group(&[("model", "claude-x"), ("provider", "openai")]).is_none());
    assert_eq!(
        json!(snapshot.groups[0].key),
        json!({"model": "claude-x", "provider": "anthropic"})
    );
}

#[tokio::test]
async fn by_metadata() {
    let totals = UsageTotals::builder().by_metadata("user").build();
    let layer = layer(&totals);
    for value in [json!("ada"), json!(7), json!(true), json!({"a": 1}), json!([1]), json!(null)] {
        run(&layer.clone().metadata("user", value), used(1, 1)).await;
    }
    run(&layer, used(1, 1)).await;
    run(&layer.clone().metadata("user", "ada"), used(1, 1)).await;
    let snapshot = totals.snapshot();
    assert_eq!(keys(&snapshot), [[None], [Some("7")], [Some("ada")], [Some("true")]]);
    let runs: Vec<_> = snapshot.groups.iter().map(|group| group.counts.runs).collect();
    assert_eq!(runs, [4, 1, 2, 1]);
}

#[tokio::test]
async fn by_tag() {
    let totals = UsageTotals::builder().by_tag("team:").by_tag("env:").build();
    let layer = layer(&totals);
    run(&layer.clone().tags(["team:a", "team:b", "env:x", "odd"]), used(1, 1)).await;
    run(&layer.clone().tags(["team:a"]), used(1, 1)).await;
    run(&layer, used(1, 1)).await;
    let snapshot = totals.snapshot();
    assert_eq!(
        keys(&snapshot),
        [
            [None, None],
            [Some("team:a"), None],
            [Some("team:a"), Some("env:x")],
            [Some("team:b"), Some("env:x")]
        ]
    );
    // Each run counts once in the total.
    assert_eq!((snapshot.total.runs, snapshot.other.runs), (3, 0));
    assert_eq!(snapshot.groups[3].key.get("tag:env:"), Some("env:x"));

    let totals = UsageTotals::builder().by_tag("").build();
    run(&super::layer(&totals).tags(["b", "a"]), used(1, 1)).await;
    assert_eq!(keys(&totals.snapshot()), [[Some("a")], [Some("b")]]);
    assert!(totals.snapshot().group(&[("tag", "b")]).is_some());
}

#[tokio::test]
async fn a_run_with_many_tags_is_in_64_groups_and_in_other() {
    for (tags, other) in [(64, 0), (65, 1), (500, 1)] {
        let totals = UsageTotals::builder().by_tag("").build();
        let tags = (0..tags).map(|n| format!("tag-{n}")).collect::<Vec<_>>();
        run(&layer(&totals).tags(tags), used(1, 1)).await;
        let snapshot = totals.snapshot();
        assert_eq!((snapshot.groups.len(), snapshot.other.runs), (64, other));
    }
    // The product of two kinds too.
    let totals = UsageTotals::builder().by_tag("a").by_tag("b").build();
    let tags = (0..20).flat_map(|n| [format!("a{n}"), format!("b{n}")]).collect::<Vec<_>>();
    run(&layer(&totals).tags(tags), used(1, 1)).await;
    let snapshot = totals.snapshot();
    assert_eq!((snapshot.groups.len(), snapshot.other.runs, snapshot.total.runs), (64, 1, 1));
}

/// Whatever model names clients send.
#[tokio::test]
async fn groups_are_bounded() {
    let totals = UsageTotals::builder().by_model().max_groups(3).build();
    for model in 0..10 {
        ask(&totals, ChatRequest::new(format!("m{model}")), used(1, 2)).await;
        ask(&totals, ChatRequest::new("m1"), used(1, 2)).await;
    }
    let snapshot = totals.snapshot();
    assert_eq!(keys(&snapshot), [[Some("m0")], [Some("m1")], [Some("m2")]]);
    assert_eq!((snapshot.other.runs, snapshot.other.reported.output_tokens), (7, Some(14)));
    assert_eq!(snapshot.group(&[("model", "m1")]).unwrap().counts.runs, 11);
    assert_eq!(snapshot.total.runs, 20);
    assert_adds_up(&snapshot.total);

    // Names are cut, between characters.
    let totals = UsageTotals::builder().by_model().build();
    let long = "é".repeat(100_000);
    ask(&totals, ChatRequest::new(long.clone()), used(1, 1)).await;
    ask(&totals, ChatRequest::new("x"), by(&long, Script::new().respond()).complete("stop")).await;
    let snapshot = totals.snapshot();
    assert_eq!(snapshot.groups.len(), 1);
    assert_eq!(snapshot.groups[0].key.get("model"), Some(&*"é".repeat(128)));
    assert_eq!(snapshot.groups[0].counts.runs, 2);
}

#[tokio::test]
async fn a_snapshot_is_a_value_and_json() {
    let totals = UsageTotals::builder().by_model().build();
    run(&layer(&totals), answer_of("m", 1, 2)).await;
    let snapshot = totals.snapshot();
    run(&layer(&totals), answer_of("m", 1, 2)).await;
    assert_eq!(snapshot.total.runs, 1);
    let mut value = json!(snapshot);
    let until = value["until"].take();
    let since = value["since"].take();
    assert!(
        until.as_str().unwrap() >= since.as_str().unwrap() && since.as_str().unwrap().len() == 27
    );
    let counts = json!({
        "runs": 1, "completed": 1, "unreported_runs": 0, "cached_runs": 0, "estimated_runs": 0, "seen_tokens": 0,
        "errors": {"provider": 0, "transport": 0, "truncated": 0, "cancelled": 0, "aborted": 0, "panic": 0,
            "invalid": 0, "failed": 0},
        "reported": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3, "cache_read_tokens": null,
            "cache_write_tokens": null, "reasoning_tokens": null,
            "source": {"input": "reported", "output": "reported"}},
        "estimated": {"input_tokens": null, "output_tokens": null, "total_tokens": null, "cache_read_tokens": null,
            "cache_write_tokens": null, "reasoning_tokens": null, "source": {"input": null, "output": null}},
    });
    assert_eq!(value["total"], counts);
    let mut group = counts;
    group["key"] = json!({"model": "m"});
    assert_eq!(value["groups"], json!([group]));
    assert_eq!((&value["windows"], &value["currency"]), (&json!([]), &json!(null)));
}
