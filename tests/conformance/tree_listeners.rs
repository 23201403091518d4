//! E: observers from outside: event streams, listeners of one item, and usage counters.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    thread,
};

use futures::{StreamExt, executor::block_on, future::join_all};
use serde_json::{Value, json};
use support::{FLAVORS, call, on_each_runtime, read};
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Delta, Event, EventData, EventKind, Run, RunConfig, RunLayer,
    RunType, Usage,
    batch::Batch,
    emit,
    handler::FnHandler,
    handlers::EventStream,
    on_event, on_llm_result,
    testing::{Script, ScriptedModel},
};

use super::{boxed, prompt, settled};

/// Events can be read beside the call, and on threads without its runtime. After the stream is dropped they
/// go nowhere.
#[test]
fn case_54_a_stream_of_events_across_threads() {
    use EventKind::Custom;
    async fn work() -> Result<(), BoxError> {
        for number in 0..9 {
            emit("number", number)?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }
    let chain = |callbacks: &Callbacks| RunLayer::chain("chain").callbacks(callbacks);
    let expected = [
        &[EventKind::RunStart(RunType::Chain)][..],
        &[Custom; 9],
        &[EventKind::RunEnd(RunType::Chain)],
    ]
    .concat();
    on_each_runtime(move || {
        let expected = expected.clone();
        async move {
            let (callbacks, events) = EventStream::builder().wait().attach();
            let run = tokio::spawn(async move { chain(&callbacks).run(work()).await });
            let kinds: Vec<_> = events.map(|event| event.kind()).collect().await;
            assert_eq!(kinds, expected);
            run.await.unwrap().unwrap();

            for flavor in FLAVORS {
                let (callbacks, events) = EventStream::builder().wait().attach();
                let calls = thread::spawn(move || {
                    let runtime = flavor.runtime();
                    runtime.block_on(async { chain(&callbacks).run(work()).await.unwrap() });
                });
                let reads = thread::spawn(move || {
                    block_on(events.map(|event| event.kind()).collect::<Vec<_>>())
                });
                let read = tokio::task::spawn_blocking(move || (calls.join(), reads.join()));
                let (called, kinds) = read.await.unwrap();
                called.unwrap();
                assert_eq!(kinds.unwrap(), expected, "{flavor:?}");
            }

            let (callbacks, events) = EventStream::builder().wait().attach();
            drop(events);
            chain(&callbacks).run(work()).await.unwrap();
            settled(&callbacks).await;

            let (callbacks, mut events) = EventStream::builder().attach();
            drop(callbacks);
            assert!(events.next().await.is_none());
            assert!(events.next().await.is_none());
        }
    });
}

type Lines = Arc<Mutex<Vec<String>>>;

/// Logs the input and the outcome of the root run only.
fn listener(lines: &Lines) -> FnHandler<impl Fn(&Run, &Event) + Send + Sync + 'static> {
    let lines = Arc::clone(lines);
    on_event(move |run, event| {
        if run.parent_run_id().is_some() {
            return;
        }
        let (word, value) = match event.data() {
            EventData::RunStart(RunType::Chain, start) => ("start", start.input.clone()),
            EventData::RunEnd(RunType::Chain, end) => ("end", end.output.clone()),
            EventData::RunError(RunType::Chain, error) => ("error", Some(json!(error.message()))),
            _ => return,
        };
        let value: Value = value.unwrap_or_default();
        lines.lock().unwrap().push(format!("{word} {value}"));
    })
}

/// A listener of one item among many receives one start and one end, with the item's own input.
#[test]
fn case_55_listeners_receive_their_own_item() {
    on_each_runtime(|| async {
        let step = boxed(RunLayer::tool("step").layer(service_fn(|number: i32| async move {
            tokio::task::yield_now().await;
            if number < 0 { Err(BoxError::from("below zero")) } else { Ok(number * 2) }
        })));
        let chain = RunLayer::chain("chain")
            .input(|number: &i32| json!(number))
            .output(|number: &i32| json!(number))
            .layer(service_fn(move |number: i32| step.clone().oneshot(number)));
        let chain = boxed(chain);
        let calls = [1, -1, 2, 3].map(|number| {
            let mut chain = chain.clone();
            async move {
                let lines = Lines::default();
                let callbacks = Callbacks::new().inline(listener(&lines));
                let config = RunConfig::new().callbacks(&callbacks);
                let first = config.handle();
                let done = config.call(chain.ready().await.unwrap(), number).await;
                assert!(first.run_id().is_some());
                (done.ok(), std::mem::take(&mut *lines.lock().unwrap()))
            }
        });
        let received = join_all(calls).await;
        let expected = [
            (Some(2), ["start 1", "end 2"]),
            (None, ["start -1", "error \"below zero\""]),
            (Some(4), ["start 2", "end 4"]),
            (Some(6), ["start 3", "end 6"]),
        ];
        let expected = expected.map(|(done, lines)| (done, lines.map(str::to_owned).to_vec()));
        assert_eq!(received, expected);
    });
}

/// Usage by model.
#[derive(Clone, Default)]
struct Totals(Arc<Mutex<BTreeMap<String, Usage>>>);

impl Totals {
    /// Counts every run, completed or not: what the provider reported is owed.
    fn callbacks(&self) -> Callbacks {
        let totals = Arc::clone(&self.0);
        Callbacks::new().blocking(on_llm_result(move |_, result, _| {
            let model = result.model.as_deref().unwrap_or_default().to_owned();
            let mut totals = totals.lock().unwrap();
            let total = totals.entry(model).or_default();
            *total = total.plus(result.usage.as_ref().unwrap_or(&Usage::default()));
        }))
    }

    fn of(&self, model: &str) -> (Option<u64>, Option<u64>) {
        let totals = self.0.lock().unwrap();
        totals.get(model).map_or((None, None), |total| (total.input_tokens, total.output_tokens))
    }
}

/// A usage counter sums by model, over calls, batches and failures, in its scope and not after it.
#[test]
fn case_56_usage_adds_up_in_a_scope() {
    let script = |model: &'static str, input, output| {
        let response = Delta::Response { id: None, model: Some(model.into()) };
        let usage = Delta::Usage { usage: Usage::new(input, output), raw: None };
        Script::new().respond().chunk(response).text("a").chunk(usage)
    };
    on_each_runtime(move || async move {
        let silent = CallbackLayer::new(Callbacks::new());
        let model = |script: Script| silent.layer(ScriptedModel::new(script));
        let mut small = model(script("small", 10, 1).complete("stop"));
        let large = model(script("large", 100, 7).complete("stop"));
        let mut fails = model(script("large", 1000, 70).fail("reset"));
        let totals = Totals::default();
        let callbacks = totals.callbacks();
        let scoped = async {
            for _ in 0..2 {
                read(call(&mut small).await?).await;
            }
            let batch = Batch::new().run(&large, ["one", "two", "three"].map(prompt)).await?;
            assert_eq!(batch.llm_output().usage, Some(Usage::new(300, 21)));
            let (_, error) = read(call(&mut fails).await?).await;
            error.map_or(Ok(()), Err)
        };
        let scope = RunConfig::new().callbacks(&callbacks);
        let error: BoxError = scope.clone().scope(scoped).await.unwrap_err();
        assert_eq!(error.to_string(), "reset");
        read(call(&mut small).await.unwrap()).await;
        settled(&callbacks).await;
        assert_eq!(
            (totals.of("small"), totals.of("large")),
            ((Some(20), Some(2)), (Some(1300), Some(91)))
        );
        // The scope ended with an error. It may be entered again.
        scope.scope(async { read(call(&mut small).await.unwrap()).await }).await;
        settled(&callbacks).await;
        assert_eq!(totals.of("small"), (Some(30), Some(3)));
    });
}
