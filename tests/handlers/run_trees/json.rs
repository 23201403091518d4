//! A tree as JSON.

use serde_json::{Value, json};
use support::on_each_runtime;
use tower_llm_callbacks::handlers::RunTrees;

use super::{config, contents::retried, only};

#[test]
fn a_tree_as_json() {
    on_each_runtime(|| async {
        let trees = RunTrees::new();
        let config = config(&trees).tags(["t"]).metadata("k", 1);
        config.scope(retried()).await.unwrap();
        let tree = only(&trees);
        // Keys are in reading order: who, when, what, then the children.
        let text = serde_json::to_string(&tree).unwrap();
        let keys = [
            "run_id",
            "parent_run_id",
            "root_run_id",
            "run_type",
            "name",
            "attempt",
            "tags",
            "metadata",
            "start_time",
            "duration_ms",
            "start",
            "ended_by",
            "end",
            "events",
            "children",
        ];
        let places: Vec<_> = keys.iter().map(|key| text.find(&format!("\"{key}\":"))).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{text}");

        let mut json = json!(tree);
        assert_eq!(json.as_object().unwrap().len(), keys.len());
        let children = json["children"].take();
        let child = &children[1];
        assert_eq!(child.as_object().unwrap().len(), keys.len());
        let time = |value: &mut Value| {
            assert_eq!(value.take().as_str().unwrap().len(), "2026-11-22T08:00:00.123456Z".len());
        };
        time(&mut json["start_time"]);
        (0..2).for_each(|n| time(&mut json["events"][n]["time"]));
        assert!(json["duration_ms"].take().as_f64() > Some(0.0));
        assert!(json["end"]["duration_ms"].take().is_f64());
        assert_eq!(
            json,
            json!({
                "run_id": tree.run_id, "parent_run_id": null, "root_run_id": tree.run_id,
                "run_type": "chain", "name": "root", "attempt": 1, "tags": ["t"],
                "metadata": {"k": 1}, "start_time": null, "duration_ms": null,
                "start": {"input": null}, "ended_by": "chain_end",
                "end": {"output": null, "duration_ms": null},
                "events": [
                    {"event": "custom", "time": null, "data": {"name": "first", "value": {"n": 1}}},
                    {"event": "custom", "time": null, "data": {"name": "second", "value": 2}},
                ],
                "children": null,
            })
        );
        assert_eq!(child["parent_run_id"], json!(tree.run_id));
        assert_eq!((&child["attempt"], &child["ended_by"]), (&json!(2), &json!("llm_error")));
        assert_eq!(child["end"]["error"]["message"], "reset");
        assert_eq!(child["start"]["messages"][0]["content"], "Hi");
        assert_eq!(
            child["events"][0]["data"],
            json!({"attempt": 2, "error": "refused", "failed_run_id": tree.children[0].run_id})
        );
        assert_eq!(children[2]["end"]["choices"][0]["text"], "a");
    });
}
