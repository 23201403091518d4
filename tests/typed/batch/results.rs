//! The results of a batch, their sums and their JSON.

use std::time::Duration;

use futures::stream;
use serde_json::json;
use support::{assert_same_answer, everywhere, on_each_runtime};
use tower::{BoxError, Layer, service_fn};
use tower_llm_callbacks::{
    Delta, LlmChunk, ProviderError, Usage,
    batch::Batch,
    chat::{ChatRequest, ModelError},
    event::Choice,
    testing::{Script, ScriptedStream},
};

use super::{Prompts, answer, assert_delivered};

fn response(id: &'static str, model: &'static str) -> Delta<'static> {
    Delta::Response { id: Some(id.into()), model: Some(model.into()) }
}

fn usage(input: u64, output: u64) -> Delta<'static> {
    let usage = Usage::new(input, output).cached(1, 2).reasoning(3);
    Delta::Usage { usage, raw: None }
}

fn tool() -> Delta<'static> {
    let (id, name, arguments) = (Some("t1".into()), Some("look".into()), r#"{"n":1}"#.into());
    Delta::ToolCall { choice: 0, index: 0, id, name, arguments }
}

/// An answer with every kind of delta.
fn full() -> Script {
    let text = |choice, text| Delta::Text { choice, text: String::from(text).into() };
    Script::new()
        .respond()
        .chunk(response("r1", "m1"))
        .chunk(Delta::Reasoning { choice: 0, text: "hm".into() })
        .chunk(text(0, "Hel"))
        .chunk(text(1, "other"))
        .chunk(text(0, "lo"))
        .chunk(tool())
        .chunk(Delta::Refusal { choice: 1, text: "no".into() })
        .chunk(Delta::DecodeFault)
        .chunk(usage(10, 20))
        .complete("stop")
}

#[test]
fn results_equal_those_of_handlers() {
    everywhere(|recorders| async move {
        let whole = Script::new().respond().chunk(Delta::NotStreamed).text("whole");
        let prompts = Prompts::new([
            full(),
            answer("a"),
            Script::new().respond().complete("stop"),
            Script::new().respond().chunk(Delta::Done),
            whole.complete("stop"),
        ]);
        let model = recorders.layer().layer(prompts.clone());
        let batch = Batch::new().run(&model, prompts.requests()).await.unwrap();
        assert_delivered(&recorders).await;
        for (_, recorder) in &recorders.each {
            for (result, run) in batch.generations.iter().zip(&batch.run_ids) {
                let result = result.as_ref().unwrap();
                let run = recorder.run(run.unwrap());
                let delivered = run.last().unwrap().result().unwrap();
                assert_same_answer(result, delivered);
                assert_eq!(result.decode_faults, delivered.decode_faults);
                let first = (result.time_to_first_token, delivered.time_to_first_token);
                assert_eq!(first.0.is_some(), first.1.is_some());
                assert!(first.0.unwrap_or_default() <= result.duration);
            }
        }
    });
}

/// The same if the answer completes by the end of the stream.
#[test]
fn an_answer_without_content_has_one_empty_choice() {
    struct Mute;
    impl LlmChunk for Mute {
        fn deltas(&self, _each: &mut dyn FnMut(Delta<'_>)) {}
    }
    on_each_runtime(|| async {
        let model = service_fn(|chunks: Vec<()>| async move {
            let chunks = chunks.into_iter().map(|()| Ok::<_, BoxError>(Mute));
            Ok::<_, BoxError>(stream::iter(chunks))
        });
        let batch = Batch::new().run(&model, [vec![], vec![()]]).await.unwrap();
        for result in batch.results() {
            assert_eq!(result.choices, [Choice::default()]);
        }
    });
}

/// Durations use the clock of runs, so that they equal those that handlers receive.
#[tokio::test(start_paused = true)]
async fn times_are_measured() {
    let pause = |ms| Duration::from_millis(ms);
    let script = Script::new().pause(pause(100)).respond().chunk(usage(1, 1)).pause(pause(50));
    let script = script.text("a").pause(pause(25)).text("b");
    let recorder = tower_llm_callbacks::testing::Recorder::new();
    let callbacks = tower_llm_callbacks::Callbacks::new().inline(recorder.clone());
    let prompts = Prompts::new([
        script.clone().complete("stop"),
        script.fail("reset"),
        Script::new().pause(pause(7)).respond().complete("stop"),
    ]);
    let layer = tower_llm_callbacks::CallbackLayer::new(callbacks);
    let model = layer.layer(prompts.clone());
    let batch = Batch::new().run(&model, prompts.requests()).await.unwrap();
    let times: Vec<_> =
        batch.results().map(|result| (result.time_to_first_token, result.duration)).collect();
    // A paused clock advances in steps of a millisecond.
    let expected = [(Some(150), 175), (Some(150), 175), (None, 7)];
    for ((first, whole), (expected_first, expected_whole)) in times.iter().zip(expected) {
        assert_eq!(first.map(|first| first.as_millis()), expected_first);
        assert_eq!(whole.as_millis(), expected_whole);
    }
    let delivered = batch.run_ids.iter().map(|run| {
        let run = recorder.run(run.unwrap());
        let result = run.last().unwrap().result().unwrap().clone();
        (result.time_to_first_token, result.duration)
    });
    assert_eq!(delivered.collect::<Vec<_>>(), times);
}

/// Four answers, one of which fails after it reported usage.
fn mixed() -> Prompts {
    let begins = |id, model| Script::new().respond().chunk(response(id, model));
    let overloaded = ProviderError::new("key sk-abcdefghijklmnopqrstuvwx refused");
    Prompts::new([
        full(),
        answer("a"),
        begins("r3", "m0").text("so far").chunk(usage(1, 2)).chunk(Delta::Error(overloaded)),
        begins("r4", "m1").chunk(usage(100, 200)).text("b").complete("length"),
    ])
}

#[test]
fn usage_is_summed_and_models_are_listed_once() {
    on_each_runtime(|| async {
        let prompts = mixed();
        let batch = Batch::new().run(&prompts, prompts.requests()).await.unwrap();
        let output = batch.llm_output();
        assert_eq!(output.usage, Some(Usage::new(111, 222).cached(3, 6).reasoning(9)));
        assert_eq!(output.models, ["m1".into(), "m0".into()]);
        assert_eq!((output.completed, output.failed), (3, 1));

        // Absent usage is not zero.
        let prompts = Prompts::new(["a", "b"].map(answer));
        let batch = Batch::new().run(&prompts, prompts.requests()).await.unwrap();
        assert_eq!(batch.llm_output().usage, None);
        assert!(batch.llm_output().models.is_empty());
    });
}

#[test]
fn the_json_is_langchains() {
    everywhere(|recorders| async move {
        let prompts = mixed();
        let model = recorders.layer().layer(prompts.clone());
        let batch = Batch::new().run(&model, prompts.requests()).await.unwrap();
        let choice = |text: &str, reason: Option<&str>| {
            json!({"index": 0, "text": text, "reasoning": "", "refusal": "", "tool_calls": [],
                "finish_reason": reason})
        };
        let tool = json!({"id": "t1", "name": "look", "arguments": "{\"n\":1}"});
        let runs: Vec<_> = batch.run_ids.iter().map(|id| json!({"run_id": id.unwrap()})).collect();
        assert_eq!(
            json!(batch),
            json!({
                "generations": [
                    [
                        {"index": 0, "text": "Hello", "reasoning": "hm", "refusal": "",
                         "tool_calls": [tool], "finish_reason": "stop"},
                        {"index": 1, "text": "other", "reasoning": "", "refusal": "no",
                         "tool_calls": [], "finish_reason": null},
                    ],
                    [choice("a", Some("stop"))],
                    [choice("so far", None)],
                    [choice("b", Some("length"))],
                ],
                "llm_output": {
                    "usage": {"input_tokens": 111, "output_tokens": 222, "total_tokens": 333,
                        "cache_read_tokens": 3, "cache_write_tokens": 6, "reasoning_tokens": 9,
                        "source": {"input": "reported", "output": "reported"}},
                    "models": ["m1", "m0"],
                    "completed": 3,
                    "failed": 1,
                },
                "run": runs,
                // Values that look like a key are redacted.
                "errors": [null, null, "key sk-[redacted] refused", null],
            })
        );
    });
}

/// Errors do not repeat their sources, so their JSON has the messages of both.
#[test]
fn the_json_of_an_error_has_its_sources() {
    on_each_runtime(|| async {
        let model = service_fn(|_: ChatRequest| async {
            let overloaded = ProviderError::new("overloaded").status(529);
            Err::<ScriptedStream, _>(ModelError::Provider(overloaded))
        });
        let batch = Batch::new().run(&model, [ChatRequest::new("any")]).await.unwrap();
        let errors = &json!(batch)["errors"];
        assert_eq!(*errors, json!(["the provider reported an error (529): overloaded"]));
    });
}

/// An empty batch starts and ends its run nevertheless.
#[test]
fn an_empty_batch_has_a_run() {
    everywhere(|recorders| async move {
        let prompts = Prompts::new([]);
        let model = recorders.layer().layer(prompts.clone());
        let generate = Batch::new().callbacks(&recorders.callbacks);
        let batch = generate.run(&model, prompts.requests()).await.unwrap();
        assert_eq!(
            json!(batch),
            json!({"generations": [], "run": [], "errors": [],
                "llm_output": {"usage": null, "models": [], "completed": 0, "failed": 0}})
        );
        assert_delivered(&recorders).await;
        for (_, recorder) in &recorders.each {
            super::chain(recorder);
        }
    });
}
