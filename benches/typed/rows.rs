//! The rows of the table.

use std::{future::Future, sync::Arc, time::Duration};

use futures::{FutureExt, StreamExt};
use tokio::runtime::{Builder, Runtime};
use tower_llm_callbacks::{Callbacks, Registration};

use crate::work::{Batches, Boxed, Count, bare, layered, paced, read, text};
use harness::{Bound, Cost, Row, alternate, compare, cpu_time, per_token, print};

const ROUNDS: usize = 15;

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn multi_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

fn timed(runtime: &Runtime, tokens: usize, work: impl Future<Output = ()>) -> Cost {
    per_token(tokens, || runtime.block_on(work))
}

pub(crate) fn all(scale: usize, wanted: &dyn Fn(&str) -> bool) -> Vec<bool> {
    let tokens = 200_000 / scale;
    let one = "one async handler, pipelined (one thread)";
    let two = "one async handler, pipelined (two threads)";
    type Measure = Box<dyn Fn() -> Vec<bool>>;
    let rows: Vec<(&str, Measure)> = vec![
        ("no handlers", Box::new(move || vec![no_handlers(tokens)])),
        ("inline", Box::new(move || vec![inline(tokens)])),
        ("blocking", Box::new(move || vec![blocking(tokens)])),
        ("spawn_blocking", Box::new(move || vec![spawn_blocking(tokens / 20)])),
        ("paced", Box::new(move || blocking_paced(300 / scale.min(30)))),
        ("async-one", Box::new(move || vec![async_handler(tokens, &current_thread(), one)])),
        ("async-two", Box::new(move || vec![async_handler(tokens, &multi_thread(), two)])),
        ("lockstep", Box::new(move || vec![lockstep(tokens)])),
        ("growth-runs", Box::new(move || growth_runs(scale))),
        ("growth-tokens", Box::new(move || vec![growth_tokens(scale)])),
    ];
    rows.into_iter().filter(|(name, _)| wanted(name)).flat_map(|(_, measure)| measure()).collect()
}

fn no_handlers(tokens: usize) -> bool {
    let row = Row {
        name: "no handlers",
        baseline: "the bare stream",
        bound: Bound { ratio: 1.1, more_ns: 10.0 },
    };
    let callbacks = Callbacks::new();
    let runtime = current_thread();
    let baseline = || timed(&runtime, tokens, read(bare(tokens)).map(drop));
    let subject = || {
        timed(&runtime, tokens, async {
            read(layered(&callbacks, bare(tokens)).await).await;
        })
    };
    compare(&row, ROUNDS, baseline, subject)
}

fn inline(tokens: usize) -> bool {
    let row = Row {
        name: "one inline handler",
        baseline: "`inspect` that counts and accumulates the same",
        bound: Bound { ratio: 1.25, more_ns: 20.0 },
    };
    let runtime = current_thread();
    let baseline = || {
        let count = Count::default();
        let mut answer = String::new();
        let cost = timed(&runtime, tokens, async {
            read(bare(tokens).inspect(|item| {
                let token = text(item);
                count.token(token);
                answer.push_str(token);
            }))
            .await;
        });
        assert_eq!(answer.len(), tokens * 6);
        cost
    };
    let subject = || {
        let count = Arc::new(Count::default());
        let callbacks = Callbacks::new().inline(count.clone());
        let cost = timed(&runtime, tokens, async {
            read(layered(&callbacks, bare(tokens)).await).await;
        });
        assert_eq!(count.seen(), tokens as u64);
        cost
    };
    compare(&row, ROUNDS, baseline, subject)
}

/// The hand-written baseline: a bounded channel and one thread that drains it. Returns when the thread is done.
async fn channel_and_thread(stream: Boxed, count: &Arc<Count>) {
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<Arc<str>>(256);
    let (done, finished) = tokio::sync::oneshot::channel();
    let thread_count = Arc::clone(count);
    std::thread::spawn(move || {
        while let Some(text) = receiver.blocking_recv() {
            thread_count.token(&text);
        }
        let _ = done.send(());
    });
    let sender_ref = &sender;
    let observed = stream.then(move |item| async move {
        let token = text(&item);
        sender_ref.send(token.into()).await.expect("a receiving thread");
        item
    });
    read(Box::pin(observed)).await;
    drop(sender);
    let _ = finished.await;
}

fn blocking(tokens: usize) -> bool {
    let row = Row {
        name: "one blocking handler, pipelined, burst",
        baseline: "bounded channel and one thread",
        bound: Bound::ratio(1.5),
    };
    let runtime = multi_thread();
    let baseline = || {
        let count = Arc::new(Count::default());
        let cost = timed(&runtime, tokens, channel_and_thread(bare(tokens), &count));
        assert_eq!(count.seen(), tokens as u64);
        cost
    };
    compare(&row, ROUNDS, baseline, || blocking_burst(&runtime, tokens))
}

fn blocking_burst(runtime: &Runtime, tokens: usize) -> Cost {
    let count = Arc::new(Count::default());
    let callbacks = Callbacks::new().blocking(count.clone());
    let cost = timed(runtime, tokens, async {
        read(layered(&callbacks, bare(tokens)).await).await;
    });
    assert_eq!(count.seen(), tokens as u64);
    cost
}

fn spawn_blocking(tokens: usize) -> bool {
    let row = Row {
        name: "the same",
        baseline: "`spawn_blocking` for each token",
        bound: Bound::ratio(1.0 / 50.0),
    };
    let runtime = multi_thread();
    let baseline = || {
        let count = Arc::new(Count::default());
        timed(&runtime, tokens, async {
            let count = &count;
            let observed = bare(tokens).then(move |item| async move {
                let token = text(&item);
                let count = Arc::clone(count);
                tokio::task::spawn_blocking(move || count.token(token)).await.expect("no panic");
                item
            });
            read(Box::pin(observed)).await;
        })
    };
    compare(&row, ROUNDS / 3, baseline, || blocking_burst(&runtime, tokens * 10))
}

/// The CPU time of paced streams: of the hand-written baseline, of ours as it is by default, with a linger, and with a
/// linger and batches. What no handler costs is printed too, since the timers of the streams are in every number.
fn blocking_paced(tokens: usize) -> Vec<bool> {
    const STREAMS: usize = 32;
    const INTERVAL: Duration = Duration::from_millis(2);
    const LINGER: Duration = Duration::from_millis(5);
    let runtime = multi_thread();
    let cpu = |work: &mut dyn FnMut()| {
        let before = cpu_time();
        work();
        (cpu_time() - before).as_nanos() as f64 / (tokens * STREAMS) as f64
    };
    let mut channel = || {
        let count = Arc::new(Count::default());
        cpu(&mut || {
            runtime.block_on(async {
                let (sender, mut receiver) = tokio::sync::mpsc::channel::<Arc<str>>(256);
                let thread_count = Arc::clone(&count);
                let thread = std::thread::spawn(move || {
                    while let Some(text) = receiver.blocking_recv() {
                        thread_count.token(&text);
                    }
                });
                let streams = (0..STREAMS).map(|_| {
                    let sender = sender.clone();
                    tokio::spawn(async move {
                        let sender = &sender;
                        let observed = paced(tokens, INTERVAL).then(move |item| async move {
                            let token = text(&item);
                            sender.send(token.into()).await.expect("a receiving thread");
                            item
                        });
                        read(Box::pin(observed)).await
                    })
                });
                futures::future::join_all(streams.collect::<Vec<_>>()).await;
                drop(sender);
                thread.join().expect("no panic");
            });
        })
    };
    let ours = |callbacks: &Callbacks| {
        cpu(&mut || {
            runtime.block_on(async {
                let streams = (0..STREAMS).map(|_| {
                    let callbacks = callbacks.clone();
                    tokio::spawn(async move {
                        read(layered(&callbacks, paced(tokens, INTERVAL)).await).await
                    })
                });
                futures::future::join_all(streams.collect::<Vec<_>>()).await;
            });
        })
    };
    let counting = |register: &dyn Fn(Arc<Count>) -> Registration| {
        let count = Arc::new(Count::default());
        let cost = ours(&Callbacks::new().add(register(Arc::clone(&count))));
        assert_eq!(count.seen(), (tokens * STREAMS) as u64);
        cost
    };
    let none = Callbacks::new();
    let costs = alternate(
        5,
        [
            &mut channel,
            &mut || counting(&Registration::blocking),
            &mut || counting(&|count| Registration::blocking(count).linger(LINGER)),
            &mut || counting(&|count| Registration::blocking(Batches(count)).linger(LINGER)),
            &mut || ours(&none),
        ],
    );
    let [base, default, lingers, batches, none] = costs;
    let baseline = "bounded channel and one thread";
    let row = |name, ratio| Row { name, baseline, bound: Bound::ratio(ratio) };
    vec![
        print(
            &row("one blocking handler, 32 streams, a token every 2 ms (CPU time)", 1.25),
            base,
            default,
        ),
        print(&row("the same, the handler lingers for 5 ms", 0.5), base, lingers),
        print(&row("the same, and takes batches", 0.5), base, batches),
        print(&row("the same streams without handlers", f64::INFINITY), base, none),
    ]
}

fn async_handler(tokens: usize, runtime: &Runtime, name: &'static str) -> bool {
    let row = Row { name, baseline: "bounded channel and one task", bound: Bound::ratio(1.25) };
    let baseline = || {
        let count = Arc::new(Count::default());
        let cost = timed(runtime, tokens, async {
            let (sender, mut receiver) = tokio::sync::mpsc::channel::<Arc<str>>(256);
            let task_count = Arc::clone(&count);
            let task = tokio::spawn(async move {
                while let Some(text) = receiver.recv().await {
                    task_count.token(&text);
                }
            });
            let sender_ref = &sender;
            let observed = bare(tokens).then(move |item| async move {
                let token = text(&item);
                sender_ref.send(token.into()).await.expect("a receiving task");
                item
            });
            read(Box::pin(observed)).await;
            drop(sender);
            task.await.expect("no panic");
        });
        assert_eq!(count.seen(), tokens as u64);
        cost
    };
    let subject = || {
        let count = Arc::new(Count::default());
        let callbacks = Callbacks::new().async_handler(count.clone());
        let cost = timed(runtime, tokens, async {
            read(layered(&callbacks, bare(tokens)).await).await;
        });
        assert_eq!(count.seen(), tokens as u64);
        cost
    };
    compare(&row, ROUNDS, baseline, subject)
}

fn lockstep(tokens: usize) -> bool {
    let row = Row {
        name: "one async handler, lockstep",
        baseline: "boxed `then`",
        bound: Bound { ratio: 2.0, more_ns: 75.0 },
    };
    let runtime = current_thread();
    let baseline = || {
        let count = Count::default();
        timed(&runtime, tokens, async {
            let count = &count;
            let observed = bare(tokens).then(|item| {
                Box::pin(async move {
                    let token = text(&item);
                    count.token(token);
                    item
                })
            });
            read(observed).await;
        })
    };
    let subject = || {
        let count = Arc::new(Count::default());
        let handler = Registration::async_handler(count.clone()).lockstep();
        let callbacks = Callbacks::new().add(handler);
        let cost = timed(&runtime, tokens, async {
            read(layered(&callbacks, bare(tokens)).await).await;
        });
        assert_eq!(count.seen(), tokens as u64);
        cost
    };
    compare(&row, ROUNDS, baseline, subject)
}

/// Compares the growth of the cost per token, from 1 to 10,000 concurrent runs, with that of hand-written code.
fn growth_runs(scale: usize) -> Vec<bool> {
    let many = 10_000 / scale;
    let (few_tokens, many_tokens) = (200_000 / scale, 20);
    let runtime = current_thread();
    let measure = |make: &dyn Fn(usize) -> futures::stream::BoxStream<'static, ()>| {
        let mut least = [f64::MAX; 2];
        for _ in 0..5 {
            for (least, (streams, tokens)) in
                least.iter_mut().zip([(1, few_tokens), (many, many_tokens)])
            {
                let cost = runtime.block_on(async {
                    let mut all: Vec<_> = (0..streams).map(|_| make(tokens)).collect();
                    per_token_alternating(&mut all, tokens).await
                });
                *least = least.min(cost);
            }
        }
        least[1] / least[0]
    };
    let layer = |callbacks: Callbacks| {
        move |tokens: usize| -> futures::stream::BoxStream<'static, ()> {
            let stream = layered(&callbacks, bare(tokens));
            // The model answers at once.
            let stream = stream.now_or_never().expect("a ready stream");
            Box::pin(stream.map(|_| ()))
        }
    };
    let inline_baseline = measure(&|tokens| {
        let count = Count::default();
        let mut answer = String::new();
        Box::pin(bare(tokens).map(move |item| {
            let token = text(&item);
            count.token(token);
            answer.push_str(token);
        }))
    });
    let inline = measure(&layer(Callbacks::new().inline(Count::default())));
    let task_baseline = measure(&|tokens| {
        let (sender, mut receiver) = tokio::sync::mpsc::channel::<Arc<str>>(256);
        let count = Count::default();
        tokio::spawn(async move {
            while let Some(text) = receiver.recv().await {
                count.token(&text);
            }
        });
        let mut answer = String::new();
        let stream = bare(tokens).map(move |item| {
            answer.push_str(text(&item));
            (item, sender.clone())
        });
        Box::pin(stream.then(|(item, sender)| async move {
            sender.send(text(&item).into()).await.expect("a receiving task");
        }))
    });
    let task = measure(&layer(Callbacks::new().async_handler(Count::default())));
    let row = |name, baseline| Row { name, baseline, bound: Bound::ratio(1.3) };
    vec![
        print(
            &row("growth, 1 to 10,000 concurrent runs, inline", "growth of `inspect`"),
            inline_baseline,
            inline,
        ),
        print(
            &row("growth, 1 to 10,000 concurrent runs, async", "growth of channel and task"),
            task_baseline,
            task,
        ),
    ]
}

async fn per_token_alternating(
    streams: &mut [futures::stream::BoxStream<'_, ()>],
    tokens: usize,
) -> Cost {
    let start = std::time::Instant::now();
    let mut since = 0;
    for _ in 0..tokens {
        for stream in streams.iter_mut() {
            stream.next().await;
            since += 1;
            // Lets the handlers' tasks run.
            if since == 200 {
                since = 0;
                tokio::task::yield_now().await;
            }
        }
    }
    start.elapsed().as_nanos() as f64 / (tokens * streams.len()) as f64
}

/// Compares the growth of the cost per token, run included, from answers of 1,000 to answers of 100,000 tokens with
/// that of the hand-written `inspect`.
fn growth_tokens(scale: usize) -> bool {
    let row = Row {
        name: "growth, answers of 1,000 to 100,000 tokens, inline",
        baseline: "growth of `inspect`",
        bound: Bound::ratio(1.3),
    };
    let runtime = current_thread();
    let baseline = |tokens: usize| {
        let count = Count::default();
        let mut answer = String::new();
        timed(&runtime, tokens, async {
            read(bare(tokens).inspect(|item| {
                let token = text(item);
                count.token(token);
                answer.push_str(token);
            }))
            .await;
        })
    };
    let ours = |tokens: usize| {
        let callbacks = Callbacks::new().inline(Count::default());
        timed(&runtime, tokens, async {
            read(layered(&callbacks, bare(tokens)).await).await;
        })
    };
    let (short, long) = (1_000, 100_000 / scale.min(10));
    let mut least = [f64::MAX; 4];
    for _ in 0..30 {
        let costs = [baseline(short), baseline(long), ours(short), ours(long)];
        for (least, cost) in least.iter_mut().zip(costs) {
            *least = least.min(cost);
        }
    }
    print(&row, least[1] / least[0], least[3] / least[2])
}
