//! Stream events as records, outside the process.

use serde_json::{Value, json};
use support::on_each_runtime;
use tower_llm_callbacks::handlers::EventStream;

use super::{agent, by_run, collect};

const KEYS: [&str; 14] = [
    "v",
    "event",
    "run_id",
    "parent_run_id",
    "root_run_id",
    "seq",
    "time",
    "run_type",
    "name",
    "attempt",
    "tags",
    "metadata",
    "data",
    "parent_ids",
];

#[test]
fn a_record_with_parent_ids() {
    on_each_runtime(|| async {
        let builder = EventStream::builder();
        let config =
            tower_llm_callbacks::RunConfig::new().metadata("k", json!({"deep": [1, null]}));
        let events = collect(builder.of(async { config.scope(agent()).await })).await;
        for event in &events {
            let text = serde_json::to_string(event).unwrap();
            let record: Value = serde_json::from_str(&text).unwrap();
            let mut keys: Vec<_> = record.as_object().unwrap().keys().map(String::as_str).collect();
            keys.sort_unstable();
            let mut expected = KEYS;
            expected.sort_unstable();
            assert_eq!(keys, expected);
            // In the order of event records, the additional key last.
            let places: Vec<_> = KEYS.iter().map(|key| text.find(&format!("\"{key}\":"))).collect();
            assert!(places[..12].is_sorted(), "{text}");
            assert!(text.ends_with("]}") && text.contains(",\"parent_ids\":["), "{text}");

            let run = event.run();
            let expected = serde_json::to_string(&event.event().record(run)).unwrap();
            let mut expected: Value = serde_json::from_str(&expected).unwrap();
            expected["parent_ids"] = json!(event.parent_ids());
            assert_eq!(record, expected);
            assert_eq!(record["v"], 2);
            assert_eq!(record["event"], event.kind().as_str());
            assert_eq!(record["seq"], event.event().seq());
            assert_eq!(record["metadata"], json!({"k": {"deep": [1, null]}}));
            assert_eq!(record["tags"], json!(run.tags()));
        }
        // The tree can be rebuilt from `parent_ids` alone.
        let runs = by_run(&events);
        let root = runs[0].0;
        for (_, run) in &runs[1..] {
            let record = json!(run[0]);
            assert_eq!(record["parent_ids"][0], json!(root));
            let path = record["parent_ids"].as_array().unwrap();
            assert_eq!(record["parent_run_id"], path[path.len() - 1]);
        }
        assert_eq!(json!(runs[0].1[0])["parent_ids"], json!([]));
    });
}

/// An event is owned: it can be kept after the runtime is gone, and cloned.
#[test]
fn an_event_outlives_its_runtime() {
    let events = {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(collect(EventStream::builder().of(agent())))
    };
    let kept = std::thread::spawn(move || {
        let last = events.last().unwrap().clone();
        drop(events);
        (last.run().name().to_owned(), json!(last)["event"].clone())
    });
    assert_eq!(kept.join().unwrap(), ("agent".to_owned(), json!("chain_end")));
}
