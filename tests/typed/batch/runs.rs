//! The runs of a batch, and their parents.

use futures::StreamExt;
use serde_json::json;
use support::{Mode, everywhere, on_each_runtime};
use tokio::task::yield_now;
use tower::{BoxError, Layer, ServiceBuilder, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Delta, EventData, LlmChunk, LlmStart, Run, RunConfig, RunLayer,
    RunType,
    batch::Batch,
    chat::{ChatChunk, ChatRequest},
    scope::RunContextLayer,
    testing::{Recorded, Recorder},
};
use uuid::Uuid;

use super::{Prompts, answer, assert_delivered, chain, prompt_starts, starts};

fn ids(starts: &[Recorded]) -> Vec<Option<Uuid>> {
    starts.iter().map(|start| Some(start.run_id)).collect()
}

fn inline(recorder: &Recorder) -> Callbacks {
    Callbacks::new().inline(recorder.clone())
}

#[test]
fn each_prompt_is_a_run_under_one_chain() {
    everywhere(|recorders| async move {
        let prompts = Prompts::new(["a", "b", "c", "d", "e"].map(answer));
        let model = recorders.layer().layer(prompts.clone());
        let generate = Batch::new().callbacks(&recorders.callbacks);
        let batch = generate.run(&model, prompts.requests()).await.unwrap();
        assert_delivered(&recorders).await;
        assert_eq!(prompts.calls(), [1; 5]);
        for (mode, recorder) in &recorders.each {
            let (start, end) = chain(recorder);
            assert_eq!((&*start.name, start.parent_run_id), ("generate", None), "{mode:?}");
            let EventData::RunStart(RunType::Chain, input) = &start.data else {
                panic!("{start:?}")
            };
            assert_eq!(input.input, Some(json!({"prompts": 5})));
            let EventData::RunEnd(RunType::Chain, output) = &end.data else { panic!("{end:?}") };
            assert_eq!(output.output, Some(json!(batch.llm_output())));
            let prompts = prompt_starts(recorder);
            assert_eq!(batch.run_ids, ids(&prompts));
            for prompt in &prompts {
                assert_eq!(prompt.parent_run_id, Some(start.run_id), "{mode:?}");
                assert_eq!(prompt.root_run_id, start.run_id);
            }
            // With awaited handlers, the parent's events are first and last.
            let events = recorder.events();
            if mode.is_awaited() || *mode == Mode::Inline {
                let (first, last) = (&events[0], &events[events.len() - 1]);
                assert_eq!([first.run_id, last.run_id], [start.run_id; 2], "{mode:?}");
            }
        }
    });
}

/// Without handlers for the parent, no run is made for the batch.
#[test]
fn prompts_of_an_unobserved_batch_are_children_of_the_nearest_run() {
    on_each_runtime(|| async {
        let recorder = Recorder::new();
        let prompts = Prompts::new(["a", "b"].map(answer));
        let model = CallbackLayer::new(inline(&recorder)).layer(prompts.clone());
        let batch = Batch::new().run(&model, prompts.requests()).await.unwrap();
        let roots = starts(&recorder);
        assert!(roots.iter().all(|start| start.parent_run_id.is_none()), "{roots:?}");
        assert_eq!(batch.run_ids, ids(&prompt_starts(&recorder)));

        // Local callbacks of the run around are not inherited by its children.
        let (inside, outer) = (Recorder::new(), Recorder::new());
        let model = CallbackLayer::new(inline(&inside)).layer(prompts.clone());
        let around = RunLayer::chain("around").callbacks(inline(&outer));
        let generate = Batch::new();
        let batch = around.run(generate.run(&model, prompts.requests())).await.unwrap();
        let around = chain(&outer).0.run_id;
        let children = prompt_starts(&inside);
        assert_eq!(children.len(), 2);
        assert!(children.iter().all(|start| start.parent_run_id == Some(around)));
        assert_eq!(batch.run_ids, ids(&children));
    });
}

#[test]
fn without_handlers_no_run_is_made() {
    on_each_runtime(|| async {
        let model = service_fn(|_: ChatRequest| async {
            assert!(Run::current().is_none());
            let chunks = [ChatChunk::text("a"), ChatChunk::Done].map(Ok::<_, BoxError>);
            Ok::<_, BoxError>(futures::stream::iter(chunks))
        });
        let model = CallbackLayer::new(Callbacks::new()).layer(model);
        let requests = ["0", "1"].map(ChatRequest::new);
        let batch = Batch::new().run(&model, requests).await.unwrap();
        assert_eq!(batch.run_ids, [None, None]);
        assert!(batch.results().all(|result| result.text() == "a"));
    });
}

/// Settings for the first run apply to the chain.
#[test]
fn callbacks_of_the_request_observe_every_run() {
    everywhere(|recorders| async move {
        let prompts = Prompts::new(["a", "b", "c"].map(answer));
        let model = CallbackLayer::new(Callbacks::new()).layer(prompts.clone());
        let generate = Batch::new();
        let config = RunConfig::new().callbacks(&recorders.callbacks).run_name("given").tags(["t"]);
        let first = config.handle();
        let batch = config.scope(generate.run(&model, prompts.requests())).await.unwrap();
        assert_delivered(&recorders).await;
        for (_, recorder) in &recorders.each {
            let (start, _) = chain(recorder);
            assert_eq!((&*start.name, Some(start.run_id)), ("given", first.run_id()));
            let prompts = prompt_starts(recorder);
            assert_eq!(batch.run_ids, ids(&prompts));
            for prompt in prompts {
                assert_eq!((&*prompt.name, prompt.parent_run_id), ("llm", first.run_id()));
                assert_eq!(prompt.tags, ["t".into()]);
            }
        }
    });
}

#[test]
fn settings_apply_to_the_chain_or_are_inherited() {
    on_each_runtime(|| async {
        let (own, all) = (Recorder::new(), Recorder::new());
        let prompts = Prompts::new(["a", "b"].map(answer));
        let model = CallbackLayer::new(Callbacks::new()).layer(prompts.clone());
        let generate = Batch::new()
            .name("batch")
            .callbacks(inline(&own))
            .tags(["own"])
            .metadata("own", 1)
            .inheritable_callbacks(inline(&all))
            .inheritable_tags(["all"])
            .inheritable_metadata("all", 2);
        generate.run(&model, prompts.requests()).await.unwrap();
        let (start, _) = chain(&own);
        assert_eq!(own.run_ids(), [start.run_id]);
        assert_eq!((&*start.name, json!(start.tags)), ("batch", json!(["all", "own"])));
        assert_eq!(json!(start.metadata), json!({"own": 1, "all": 2}));
        assert_eq!(chain(&all).0.run_id, start.run_id);
        for prompt in prompt_starts(&all) {
            assert_eq!(json!(prompt.tags), json!(["all"]));
            assert_eq!(json!(prompt.metadata), json!({"all": 2}));
        }
    });
}

/// A model may be a chain itself: the prompt's run is the outermost run of its call.
#[test]
fn a_prompts_run_is_the_outermost_of_its_call() {
    on_each_runtime(|| async {
        let recorder = Recorder::new();
        let prompts = Prompts::new(["a", "b"].map(answer));
        let inner = CallbackLayer::new(Callbacks::new()).layer(prompts.clone());
        let forward = service_fn(move |request| {
            let inner = inner.clone();
            async move {
                yield_now().await;
                inner.oneshot(request).await
            }
        });
        let model = RunLayer::chain("asks").streaming().layer(forward);
        let config = RunConfig::new().callbacks(inline(&recorder));
        let generate = Batch::new();
        let batch = config.scope(generate.run(&model, prompts.requests())).await.unwrap();
        let parents = prompt_starts(&recorder).into_iter().map(|start| start.parent_run_id);
        assert_eq!(batch.run_ids, parents.collect::<Vec<_>>());
        let names: Vec<_> = starts(&recorder).into_iter().map(|start| start.name).collect();
        assert_eq!(names, ["generate", "asks", "asks", "llm", "llm"]);
    });
}

/// Requests may have any type that the model takes, and chunks any type that implements `LlmChunk`.
#[test]
fn requests_and_chunks_may_have_other_types() {
    struct Word(&'static str);
    impl LlmChunk for Word {
        fn deltas(&self, each: &mut dyn FnMut(Delta<'_>)) {
            each(Delta::text(self.0));
        }
    }
    everywhere(|recorders| async move {
        let model = service_fn(|words: Vec<&'static str>| async move {
            let words = futures::stream::iter(words).map(Word).map(Ok::<_, std::io::Error>);
            Ok::<_, std::io::Error>(words)
        });
        let layer = recorders.layer().extract(
            |words: &Vec<&str>| LlmStart::new("acme", "echo").model(words.len().to_string()),
            |word: &Word, each: &mut dyn FnMut(Delta<'_>)| {
                each(Delta::text(word.0));
            },
        );
        let model = layer.layer(model);
        let requests = [vec!["a"], vec!["a", "b"], vec!["b", "c", "d"]];
        let batch = Batch::new().run(&model, requests).await.unwrap();
        let texts: Vec<_> = batch.results().map(|result| result.text()).collect();
        assert_eq!(texts, ["a", "ab", "bcd"]);
        assert_delivered(&recorders).await;
        for (_, recorder) in &recorders.each {
            assert_eq!(batch.run_ids, ids(&prompt_starts(recorder)));
            for (result, id) in batch.results().zip(&batch.run_ids) {
                let events = recorder.run(id.unwrap());
                let delivered = events.last().unwrap().result().unwrap();
                support::assert_same_answer(result, delivered);
            }
        }
    });
}

/// The future of a batch can be spawned, whatever layers wrap the model.
#[test]
fn a_batch_over_towers_layers_can_be_spawned() {
    everywhere(|recorders| async move {
        let prompts = Prompts::new(["a", "b", "c", "d", "e", "f"].map(answer));
        let requests = prompts.requests();
        // Above the buffer the run follows on its own. Below it, the request carries it.
        let above = ServiceBuilder::new()
            .layer(recorders.layer())
            .buffer(2)
            .concurrency_limit(2)
            .service(prompts.clone());
        let below = ServiceBuilder::new()
            .layer(RunContextLayer::new())
            .buffer(2)
            .layer(recorders.layer())
            .concurrency_limit(2)
            .service(prompts.clone());
        let generate = Batch::new().callbacks(&recorders.callbacks);
        let again = (generate.clone(), requests.clone());
        let above = tokio::spawn(async move { generate.run(&above, requests).await });
        let below = tokio::spawn(async move { again.0.run(&below, again.1).await });
        let batches = [above.await.unwrap().unwrap(), below.await.unwrap().unwrap()];
        assert_delivered(&recorders).await;
        for batch in batches {
            let texts: Vec<_> = batch.results().map(|result| result.text()).collect();
            assert_eq!(texts, ["a", "b", "c", "d", "e", "f"]);
            for (_, recorder) in &recorders.each {
                let runs: Vec<_> =
                    batch.run_ids.iter().map(|id| recorder.run(id.unwrap())).collect();
                let parent = runs[0][0].parent_run_id.unwrap();
                assert_eq!(recorder.run(parent)[0].run_type, RunType::Chain);
                for (number, run) in runs.iter().enumerate() {
                    assert_eq!(run[0].parent_run_id, Some(parent));
                    let EventData::LlmStart(start) = &run[0].data else { panic!("{run:?}") };
                    assert_eq!(start.model.as_deref(), Some(&*number.to_string()));
                }
            }
        }
    });
}
