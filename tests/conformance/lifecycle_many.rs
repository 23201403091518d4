//! C: several calls (batches, permits and caches), and the output of a streaming chain.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use serde_json::{Value, json};
use support::{Flavor, everywhere, read, until};
use tokio::{sync::Semaphore, time::sleep};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Delta, ErrorKind, EventData, EventKind, LlmRequest, RunLayer,
    RunType, Usage,
    batch::Batch,
    chat::{ChatChunk, ChatRequest},
    event::Accumulator,
    testing::{Recorder, Script, ScriptedModel, assert_promises},
};

use super::{asked, boxed, of_run, prompt, settled};

type Chunks = BoxStream<'static, Result<ChatChunk, BoxError>>;

/// One prompt of a batch fails: three starts, one error, two ends, each result in its place.
#[test]
fn case_23_one_call_of_a_batch_fails() {
    everywhere(|recorders| async move {
        let model = service_fn(|request: ChatRequest| async move {
            let text = asked(&request.llm_start());
            let fails = text == "bad";
            let last = if fails { Err(BoxError::from("no")) } else { Ok(Delta::Done) };
            Ok::<_, BoxError>(stream::iter([Ok(Delta::text(text)), last]))
        });
        let model = boxed(recorders.layer().layer(model));
        let prompts = ["good", "bad", "better"].map(prompt);
        let batch = Batch::new().run(&model, prompts).await.unwrap();
        settled(&recorders.callbacks).await;
        recorders.faults.none();
        let texts: Vec<_> = batch.results().map(|result| result.text()).collect();
        assert_eq!(texts, ["good", "bad", "better"]);
        let failed: Vec<_> = batch.generations.iter().map(Result::is_err).collect();
        assert_eq!(failed, [false, true, false]);
        for (mode, recorder) in &recorders.each {
            assert_promises(&recorder.events());
            let count = |kind| recorder.kinds().into_iter().filter(|k| *k == kind).count();
            let [starts, errors, ends] =
                [EventKind::LlmStart, EventKind::LlmError, EventKind::LlmEnd].map(count);
            assert_eq!((starts, errors, ends), (3, 1, 2), "{mode:?}");
            let end = recorder.run(batch.run_ids[1].unwrap()).pop().unwrap();
            assert_eq!(end.error().unwrap().kind(), ErrorKind::Transport, "{mode:?}");
            assert_eq!(end.result().unwrap().text(), "bad", "{mode:?}");
        }
    });
}

/// A model behind a cache, which lets a limited number of calls through at a time.
#[derive(Clone)]
struct Cached {
    model: ScriptedModel,
    permits: Arc<Semaphore>,
    answers: Arc<Mutex<HashMap<String, Vec<ChatChunk>>>>,
}

impl Cached {
    fn new(permits: usize) -> Self {
        let usage = Delta::Usage { usage: Usage::new(3, 2), raw: None };
        let script = Script::new().respond().text("a").text("b").chunk(usage).complete("stop");
        Self {
            model: ScriptedModel::new(script),
            permits: Arc::new(Semaphore::new(permits)),
            answers: Arc::default(),
        }
    }

    /// Answers from the cache or the model. A cached answer costs nothing.
    async fn answer(mut self, request: ChatRequest) -> Result<Chunks, BoxError> {
        let key = asked(&request.llm_start());
        let cached = self.answers.lock().unwrap().get(&key).cloned();
        let chunks = match cached {
            Some(chunks) => {
                let costs = |chunk: &ChatChunk| matches!(chunk, Delta::Usage { .. });
                chunks.into_iter().filter(|chunk| !costs(chunk)).collect()
            }
            None => {
                let _permit = self.permits.acquire().await?;
                let chunks: Vec<_> = self.model.call(request).await?.try_collect().await?;
                self.answers.lock().unwrap().insert(key, chunks.clone());
                chunks
            }
        };
        Ok(stream::iter(chunks.into_iter().map(Ok)).boxed())
    }

    fn service(&self) -> BoxCloneSyncService<ChatRequest, Chunks, BoxError> {
        let cached = self.clone();
        boxed(service_fn(move |request| cached.clone().answer(request)))
    }
}

/// A call that waits for a permit has started, and the wait is part of its run. A cache hit takes no permit.
#[test]
fn case_24_a_miss_waits_for_a_permit_and_a_hit_does_not() {
    everywhere(|recorders| async move {
        let cached = Cached::new(0);
        let model = boxed(recorders.layer().layer(cached.service()));
        let answer = tokio::spawn(model.clone().oneshot(prompt("same")));
        until(|| recorders.each.iter().all(|(_, recorder)| !recorder.events().is_empty())).await;
        assert_eq!(cached.model.calls(), 0);
        cached.permits.add_permits(1);
        assert!(read(answer.await.unwrap().unwrap()).await.1.is_none());
        assert_eq!(cached.model.calls(), 1);
        let _all = cached.permits.acquire().await.unwrap();
        assert!(read(model.oneshot(prompt("same")).await.unwrap()).await.1.is_none());
        settled(&recorders.callbacks).await;
        for (mode, recorder) in &recorders.each {
            assert_promises(&recorder.events());
            assert_eq!(recorder.terminals().len(), 2, "{mode:?}");
        }
    });
    let paused = Flavor::Current.builder().enable_all().start_paused(true).build();
    paused.unwrap().block_on(async {
        let (recorder, cached) = (Recorder::new(), Cached::new(0));
        let layer = CallbackLayer::new(Callbacks::new().inline(recorder.clone()));
        let permits = Arc::clone(&cached.permits);
        let give = async {
            sleep(Duration::from_secs(9)).await;
            permits.add_permits(1);
        };
        let ask =
            async { read(layer.layer(cached.service()).oneshot(prompt("a")).await.unwrap()).await };
        futures::join!(ask, give);
        let end = recorder.terminals().remove(0);
        assert_eq!(end.result().unwrap().duration.as_secs(), 9);
        assert_eq!(end.result().unwrap().time_to_first_token.unwrap().as_secs(), 9);
    });
}

/// A call answered by a cache below the layer does not reach the model, is a run from start to end, and costs
/// nothing.
#[test]
fn case_25_a_cached_call_is_observed_and_costs_nothing() {
    everywhere(|recorders| async move {
        let cached = Cached::new(1);
        let model = boxed(recorders.layer().layer(cached.service()));
        for _ in 0..2 {
            let answer = read(model.clone().oneshot(prompt("same")).await.unwrap()).await;
            assert!(answer.1.is_none());
            settled(&recorders.callbacks).await;
        }
        assert_eq!(cached.model.calls(), 1);
        recorders.faults.none();
        for (mode, recorder) in &recorders.each {
            assert_promises(&recorder.events());
            use EventKind::{LlmEnd, LlmNewToken, LlmStart};
            let one = [LlmStart, LlmNewToken, LlmNewToken, LlmEnd];
            assert_eq!(recorder.kinds(), [one, one].concat(), "{mode:?}");
            let ends = recorder.terminals();
            let usage = |at: usize| ends[at].result().unwrap().usage.clone();
            assert_eq!((usage(0), usage(1)), (Some(Usage::new(3, 2)), None), "{mode:?}");
            assert!(ends.iter().all(|end| end.result().unwrap().text() == "ab"), "{mode:?}");
        }
    });
}

/// The end of a chain that streams carries the sum of its chunks. Its error carries the sum so far.
#[test]
fn case_26_a_chains_end_carries_the_sum_of_its_chunks() {
    let call = |index, id: Option<&'static str>, arguments: &'static str| Delta::ToolCall {
        choice: 0,
        index,
        id: id.map(Into::into),
        name: id.map(|_| "look".into()),
        arguments: arguments.into(),
    };
    let usage = |input, output| Delta::Usage { usage: Usage::new(input, output), raw: None };
    let chunks = [
        Delta::text("Hel"),
        usage(3, 0),
        call(0, Some("t0"), "{\"at\":"),
        Delta::text("lo"),
        call(1, Some("t1"), ""),
        call(0, None, "1}"),
        usage(3, 9),
    ];
    let script = chunks.into_iter().fold(Script::new().respond(), Script::chunk);
    let (completes, fails) = (script.clone().complete("tool_use"), script.fail("reset"));
    for (script, reason) in [(completes, json!("tool_use")), (fails, Value::Null)] {
        let tools = json!([
            {"id": "t0", "name": "look", "arguments": "{\"at\":1}"},
            {"id": "t1", "name": "look", "arguments": "{}"},
        ]);
        let choice = json!({
            "index": 0, "text": "Hello", "reasoning": "", "refusal": "", "tool_calls": tools,
            "finish_reason": reason,
        });
        everywhere(move |recorders| {
            let (choice, model) = (choice.clone(), ScriptedModel::new(script.clone()));
            async move {
                let chain = RunLayer::chain("chain")
                    .inheritable_callbacks(&recorders.callbacks)
                    .fold(Accumulator::new(), |sum, chunk: &ChatChunk| sum.delta(chunk))
                    .layer(CallbackLayer::new(Callbacks::new()).layer(model));
                read(chain.oneshot(prompt("Hi")).await.unwrap()).await;
                settled(&recorders.callbacks).await;
                recorders.faults.none();
                for (mode, recorder) in &recorders.each {
                    let events = of_run(&recorder.events(), "chain");
                    let end = match &events[1].data {
                        EventData::RunEnd(RunType::Chain, end) => json!(end),
                        EventData::RunError(RunType::Chain, error) => json!(error),
                        other => panic!("{other:?}"),
                    };
                    assert_eq!(end["output"]["choices"], json!([choice]), "{mode:?}");
                    assert_eq!(end["output"]["usage"], json!(Usage::new(3, 9)), "{mode:?}");
                    let model = of_run(&recorder.events(), "llm");
                    assert_eq!(model[0].parent_run_id, Some(events[0].run_id), "{mode:?}");
                }
            }
        });
    }
}
