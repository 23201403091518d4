//! A tree as text, one line per run.

use std::time::Duration;

use support::on_each_runtime;
use tower::BoxError;
use tower_llm_callbacks::{
    Abort, AttemptsLayer, CallbackLayer, Callbacks, Delta, ProviderError, Run, RunLayer, Usage,
    emit, handlers::RunTrees, testing::Script,
};

use super::{ask, chain, config, only, run, tool};

fn milliseconds(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Paused time makes every duration exact.
#[tokio::test(start_paused = true)]
async fn each_run_is_one_line() {
    let usage = Delta::Usage { usage: Usage::new(21, 34), raw: None };
    let plan = Script::new().pause(milliseconds(600)).respond().pause(milliseconds(12)).text("a");
    let plan = plan.chunk(usage).complete("tool_calls");
    let trees = RunTrees::new();
    let agent = chain("agent", async {
        ask("plan", plan).await?;
        let weather = run(RunLayer::tool("get_weather"), async {
            emit("cache", "miss")?;
            run(RunLayer::retriever("find"), async {
                tokio::time::sleep(milliseconds(5)).await;
                ask("rank", Script::new().respond().text("a").text("b")).await.unwrap_err();
                tool("leaf").await
            })
            .await?;
            emit("cache", "filled")?;
            ask("sum", Script::answer(["a", "b", "c"])).await
        });
        weather.await?;
        let refused = ProviderError::new("Overloaded").status(529);
        let refused = Script::new().pause(milliseconds(1_234)).provider_error(refused).respond();
        assert!(ask("answer", refused).await.is_err());
        let hangs = ask("hangs", Script::new().respond().hang());
        tokio::time::timeout(milliseconds(60_000), hangs).await.unwrap_err();
        emit("done", 1)?;
        Ok(())
    });
    config(&trees).scope(agent).await.unwrap();
    let tree = only(&trees);
    let expected = "\
agent (chain) 61.85 s [done]
├─ plan (llm) 612 ms, 21 → 34 tokens, tool_calls
├─ get_weather (tool) 5 ms [cache] [cache]
│  ├─ find (retriever) 5 ms
│  │  ├─ rank (llm) 0 µs, 2 pieces, truncated: the stream ended without the protocol's end mark
│  │  └─ leaf (tool) 0 µs
│  └─ sum (llm) 0 µs, 3 pieces, stop
├─ answer (llm) 1.23 s, provider: Overloaded
└─ hangs (llm) 60.00 s, cancelled: the call was dropped before its end";
    assert_eq!(tree.to_string(), expected);
    // A subtree prints like a tree.
    assert_eq!(tree.children[1].children[0].to_string().lines().count(), 3);
    assert_eq!(tree.children[0].to_string(), "plan (llm) 612 ms, 21 → 34 tokens, tool_calls");
}

/// Replaces every duration by `T`.
fn masked(text: &str) -> String {
    let line = |line: &str| {
        let words: Vec<_> = line.split(' ').collect();
        let mut masked = Vec::new();
        let mut at = 0;
        while at < words.len() {
            let unit = words.get(at + 1).map(|unit| unit.trim_end_matches(','));
            if words[at].parse::<f64>().is_ok() && matches!(unit, Some("s" | "ms" | "µs")) {
                masked.push(if words[at + 1].ends_with(',') { "T," } else { "T" });
                at += 2;
            } else {
                masked.push(words[at]);
                at += 1;
            }
        }
        masked.join(" ")
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// In real time only the durations differ.
#[test]
fn only_durations_differ_in_real_time() {
    on_each_runtime(|| async {
        let trees = RunTrees::new();
        let agent = chain("agent", async {
            tool("look").await?;
            ask("plan", Script::answer(["a"])).await
        });
        config(&trees).scope(agent).await.unwrap();
        let text = only(&trees).to_string();
        let expected = "agent (chain) T\n├─ look (tool) T\n└─ plan (llm) T, 1 pieces, stop";
        assert_eq!(masked(&text), expected);
    });
}

/// Attempts are shown from the second on.
#[tokio::test(start_paused = true)]
async fn attempts_are_numbered() {
    let trees = RunTrees::new();
    let falls_back = chain("root", async {
        use tower::{Layer, Service, service_fn};
        let layer = CallbackLayer::new(Callbacks::new()).without_estimates().name("model");
        let fails = Script::new().pause(milliseconds(3)).fail("refused").respond();
        let primary = layer.layer(tower_llm_callbacks::testing::ScriptedModel::new(fails));
        let second = Script::answer(["a"]);
        let second = layer.layer(tower_llm_callbacks::testing::ScriptedModel::new(second));
        let either = service_fn(move |request: tower_llm_callbacks::chat::ChatRequest| {
            let (mut primary, mut second) = (primary.clone(), second.clone());
            async move {
                match primary.call(request.clone()).await {
                    Ok(answer) => Ok(answer),
                    Err(_) => second.call(request).await,
                }
            }
        });
        let answer = AttemptsLayer::new().layer(either).call(support::request()).await?;
        tower_llm_callbacks::chat::collect(answer).await
    });
    config(&trees).scope(falls_back).await.unwrap();
    let expected = "\
root (chain) 3 ms
├─ model (llm) 3 ms, transport: refused
└─ model (llm) attempt 2 0 µs, 1 pieces, stop";
    assert_eq!(only(&trees).to_string(), expected);
}

/// Whatever names, errors, reasons and events contain, each run is one line, without control characters.
#[test]
fn hostile_names_are_sanitized() {
    on_each_runtime(|| async {
        let trees = RunTrees::new();
        // Line breaks of several kinds, escapes, a bell, backspaces, and changes of writing direction.
        let bad = "a\nb\r\nc\x1b[31md\x07e\x08f\u{85}g\u{9b}2Jh\u{2028}i\u{2029}j\u{202e}k\u{2066}l\0m\x7fn\tö";
        let root = chain(bad, async move {
            emit(bad, bad)?;
            let reason: &'static str = bad;
            ask(bad, Script::new().respond().text("a").complete(reason)).await?;
            assert!(ask("fails", Script::new().fail(bad).respond()).await.is_err());
            Run::current().unwrap().abort(Abort::new(bad));
            std::future::pending::<()>().await;
            Ok::<_, BoxError>(())
        });
        config(&trees).scope(root).await.unwrap_err();
        let tree = only(&trees);
        let text = tree.to_string();
        assert_eq!(text.lines().count(), 3, "{text:?}");
        for line in text.lines() {
            let control = |c: char| {
                c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            };
            assert!(!line.contains(control), "{line:?}");
            assert!(line.contains("[31md") && line.contains('ö'), "{line:?}");
        }
        // JSON keeps the names unchanged.
        assert_eq!(serde_json::json!(tree)["name"], bad);
        assert_eq!(&*tree.name, bad);
    });
}
