//! A snapshot of a run's events with the crate `insta`, as the guide shows it.

use tower::Layer;
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Usage,
    chat::{BoxModel, ChatRequest},
    testing::{Recorder, Script, ScriptedModel},
};

#[tokio::test]
async fn greets() {
    let recorder = Recorder::new();
    let script = Script::new().respond().text("Hel").text("lo").usage(Usage::new(3, 2));
    let layer = CallbackLayer::new(Callbacks::new().inline(recorder.clone())).name("greeter");
    let model = BoxModel::new(layer.layer(ScriptedModel::new(script.complete("stop"))));
    let answer = model.ask(ChatRequest::new("any").user("Hi")).await.unwrap();
    answer.collect_result().await.unwrap();
    insta::assert_json_snapshot!(recorder.snapshot());
}

// Here ends what the guide shows.

#[test]
fn the_guide_shows_the_test() {
    let of = |text: &str| {
        let shown = text.split("// Here ends").next().unwrap();
        shown.split_once("use tower::Layer;").unwrap().1.trim().to_owned()
    };
    let guide = include_str!("../../src/guide/testing.md");
    let shown = guide.split("```").find(|part| part.contains("assert_json_snapshot!(recorder"));
    assert_eq!(of(shown.expect("the guide has a snapshot")), of(include_str!("snapshots.rs")));
}
