//! The rows of the table.

use std::{hint::black_box, sync::Arc};

use futures::StreamExt;
use tokio::runtime::{Builder, Runtime};
use tower::{BoxError, Layer, Service, service_fn};
use tower_llm_callbacks::{CallbackLayer, Callbacks, RunConfig, RunLayer, chat::ChatRequest};

use crate::work::{Count, answer, ten_microseconds, worker};
use harness::{Bound, Cost, Row, compare, per_token};

const ROUNDS: usize = 25;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

pub(crate) fn all(scale: usize, wanted: &dyn Fn(&str) -> bool) -> Vec<bool> {
    type Measure = Box<dyn Fn() -> bool>;
    let rows: Vec<(&str, Measure)> = vec![
        ("chain no handlers", Box::new(move || chain_without(2_000 / scale))),
        ("chain inline", Box::new(move || chain(2_000 / scale, Attached::Inline))),
        ("chain blocking", Box::new(move || chain(2_000 / scale, Attached::Blocking))),
        ("inheritance", Box::new(move || inheritance(100_000 / scale))),
    ];
    rows.into_iter().filter(|(name, _)| wanted(name)).map(|(_, measure)| measure()).collect()
}

async fn calls<S: Service<u64, Response = u64>>(mut service: S, count: usize) {
    for number in 0..count {
        let answer = service.call(number as u64).await;
        black_box(answer.is_ok());
    }
}

fn timed<S: Service<u64, Response = u64>>(runtime: &Runtime, service: S, count: usize) -> Cost {
    per_token(count, || runtime.block_on(calls(service, count)))
}

fn chain_without(count: usize) -> bool {
    let row = Row {
        name: "a chain without handlers around 10 µs of work",
        baseline: "the work",
        bound: Bound { ratio: 1.01, more_ns: 50.0 },
    };
    let (runtime, turns) = (runtime(), ten_microseconds());
    let layer = RunLayer::chain("chain");
    compare(
        &row,
        ROUNDS,
        || timed(&runtime, worker(turns), count),
        || timed(&runtime, layer.layer(worker(turns)), count),
    )
}

#[derive(Clone, Copy)]
enum Attached {
    Inline,
    Blocking,
}

fn chain(count: usize, attached: Attached) -> bool {
    let row = match attached {
        Attached::Inline => Row {
            name: "a chain with one inline handler around 10 µs of work",
            baseline: "the work",
            bound: Bound::ratio(1.1),
        },
        Attached::Blocking => Row {
            name: "the same with one blocking handler, whose start and end are awaited",
            baseline: "the work",
            bound: Bound::ratio(f64::INFINITY),
        },
    };
    let (runtime, turns) = (runtime(), ten_microseconds());
    let subject = || {
        let seen = Arc::new(Count::default());
        let callbacks = match attached {
            Attached::Inline => Callbacks::new().inline(Arc::clone(&seen)),
            Attached::Blocking => Callbacks::new().blocking(Arc::clone(&seen)),
        };
        let layer = RunLayer::chain("chain").callbacks(&callbacks);
        let cost = timed(&runtime, layer.layer(worker(turns)), count);
        assert_eq!(seen.seen(), 2 * count as u64);
        cost
    };
    compare(&row, ROUNDS, || timed(&runtime, worker(turns), count), subject)
}

/// Compares a handler that is inherited through five runs with the layer's own handler.
fn inheritance(tokens: usize) -> bool {
    let row = Row {
        name: "a token, the handler inherited through 5 chains with tags and metadata",
        baseline: "a token, the handler the layer's own",
        bound: Bound { ratio: 1.05, more_ns: 2.0 },
    };
    let runtime = runtime();
    let read = |layer: CallbackLayer| async move {
        let mut model = layer.layer(service_fn(move |_: ChatRequest| {
            std::future::ready(Ok::<_, BoxError>(answer(tokens)))
        }));
        let mut stream = model.call(ChatRequest::new("any")).await?;
        while let Some(chunk) = stream.next().await {
            black_box(chunk?);
        }
        Ok::<_, BoxError>(())
    };
    let baseline = || {
        let seen = Arc::new(Count::default());
        let layer = CallbackLayer::new(Callbacks::new().inline(Arc::clone(&seen)));
        let cost = per_token(tokens, || runtime.block_on(read(layer)).expect("no error"));
        assert_eq!(seen.seen(), tokens as u64 + 2);
        cost
    };
    let subject = || {
        let seen = Arc::new(Count::default());
        let config = RunConfig::new().callbacks(Callbacks::new().inline(Arc::clone(&seen)));
        let layer = |depth: u32| {
            let tag = format!("depth-{depth}");
            RunLayer::chain("chain")
                .inheritable_tags([tag.clone()])
                .inheritable_metadata(tag, depth)
        };
        let nested = async {
            let model = read(CallbackLayer::new(Callbacks::new()));
            let four = async { layer(4).run(async { layer(5).run(model).await }).await };
            let two = async { layer(2).run(async { layer(3).run(four).await }).await };
            layer(1).run(two).await
        };
        let cost = per_token(tokens, || {
            runtime.block_on(config.scope(nested)).expect("no error");
        });
        assert_eq!(seen.seen(), tokens as u64 + 2 * 6);
        cost
    };
    compare(&row, ROUNDS, baseline, subject)
}
