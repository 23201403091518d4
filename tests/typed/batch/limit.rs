//! The limit of concurrent calls, and the order of results.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use futures::{StreamExt, stream};
use proptest::prelude::*;
use support::{on_each_runtime, panic_of};
use tokio::sync::oneshot;
use tokio_test::{assert_pending, assert_ready, task};
use tower::{BoxError, ServiceBuilder, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Delta, LlmStart, batch::Batch, chat::ChatChunk, on_event,
};

use super::{Prompts, answer};

/// Counts the live calls: made, and their streams not dropped.
#[derive(Clone, Default)]
struct Alive(Arc<AtomicUsize>);

struct One(Alive);

impl Alive {
    fn one(&self) -> One {
        self.0.fetch_add(1, Ordering::SeqCst);
        One(self.clone())
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Runs a batch, and releases its calls in some order: first into the stream, then to its end. After each
/// step as many calls are alive as the limit allows.
fn release_in_order(prompts: usize, limit: usize, order: &[usize], observed: bool) {
    let alive = Alive::default();
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..2 * prompts)
        .map(|_| oneshot::channel::<()>())
        .map(|(sender, receiver)| (Some(sender), Mutex::new(Some(receiver))))
        .unzip();
    let (mut senders, receivers) = (senders, Arc::new(receivers));
    let counts = alive.clone();
    let model = service_fn(move |prompt: usize| {
        let receiver = |n: usize| receivers[n].lock().unwrap().take().unwrap();
        let (first, second) = (receiver(2 * prompt), receiver(2 * prompt + 1));
        let one = counts.one();
        async move {
            first.await.unwrap();
            let text = stream::once(async move {
                second.await.unwrap();
                Ok::<_, BoxError>(ChatChunk::text(prompt.to_string()))
            });
            let chunks = text.chain(stream::iter([Ok(ChatChunk::Done)])).map(move |chunk| {
                let _alive = &one;
                chunk
            });
            Ok::<_, BoxError>(chunks.boxed())
        }
    });
    // The limit holds with a run and without.
    let callbacks = Callbacks::new().inline(on_event(|_, _| ()));
    let callbacks = if observed { callbacks } else { Callbacks::new() };
    let layer = CallbackLayer::new(callbacks.clone()).extract_terminated(
        |_: &usize| LlmStart::new("acme", "chat"),
        |chunk: &ChatChunk, each: &mut dyn FnMut(Delta<'_>)| each(chunk.clone()),
    );
    let model = ServiceBuilder::new().layer(layer).service(model);
    let generate = Batch::new().callbacks(&callbacks).limit(limit);
    let mut batch = task::spawn(generate.run(&model, 0..prompts));

    let mut done = vec![false; prompts];
    let mut batch = loop {
        if done.iter().all(|done| *done) {
            break assert_ready!(batch.poll()).unwrap();
        }
        assert_pending!(batch.poll());
        let left = done.iter().filter(|done| !**done).count();
        assert_eq!(alive.count(), left.min(limit), "of {left} with limit {limit}");
        // The next prompt in the order that has been called: one of the first `limit` that are left.
        let asked: Vec<_> = (0..prompts).filter(|n| !done[*n]).take(limit).collect();
        let next = *order.iter().find(|n| asked.contains(n)).unwrap();
        senders[2 * next].take().unwrap().send(()).unwrap();
        assert_pending!(batch.poll());
        assert_eq!(alive.count(), left.min(limit), "a call lives as long as its stream");
        senders[2 * next + 1].take().unwrap().send(()).unwrap();
        done[next] = true;
    };
    assert_eq!(alive.count(), 0);
    let texts = batch.generations.drain(..).map(|result| result.unwrap().text().to_owned());
    let expected: Vec<_> = (0..prompts).map(|n| n.to_string()).collect();
    assert_eq!(texts.collect::<Vec<_>>(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn calls_stay_within_the_limit_and_results_in_order(
        (order, limit, observed) in (1usize..12).prop_flat_map(|prompts| {
            let order = Just((0..prompts).collect::<Vec<_>>()).prop_shuffle();
            (order, 1usize..14, any::<bool>())
        })
    ) {
        release_in_order(order.len(), limit, &order, observed);
    }
}

#[test]
fn the_default_limit_is_sixteen() {
    let order: Vec<_> = (0..20).rev().collect();
    release_in_order(20, 16, &order, false);
    let prompts = Prompts::new((0..20).map(|_| answer("a").hang()));
    for (generate, live) in [(Batch::default(), 16), (Batch::new().limit(3), 3)] {
        let prompts = Prompts::new((0..20).map(|_| answer("a").hang()));
        let mut batch = task::spawn(generate.run(&prompts, prompts.requests()));
        assert_pending!(batch.poll());
        while batch.is_woken() {
            assert_pending!(batch.poll());
        }
        assert_eq!(prompts.live(), live);
        drop(batch);
        assert_eq!(prompts.live(), 0);
    }
    // No prompt is called before the first poll.
    drop(Batch::new().run(&prompts, prompts.requests()));
    assert_eq!(prompts.calls(), [0; 20]);
}

#[test]
fn a_limit_of_zero_panics() {
    let message = panic_of(|| Batch::new().limit(0));
    assert!(message.downcast_ref::<&str>().unwrap().contains("must be at least 1"));
}

/// A batch waits for a service whose own limit is tighter.
#[test]
fn a_batch_waits_for_a_tighter_service() {
    on_each_runtime(|| async {
        let prompts = Prompts::new((0..10).map(|n| answer(&n.to_string())));
        let model = ServiceBuilder::new().concurrency_limit(1).service(prompts.clone());
        let batch = Batch::new().limit(10).run(&model, prompts.requests()).await.unwrap();
        let texts: Vec<_> = batch.results().map(|result| result.text()).collect();
        assert_eq!(texts, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    });
}
