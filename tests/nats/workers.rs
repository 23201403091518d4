//! Workers that stop, die and are replaced.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::time::sleep;
use tower_llm_callbacks::{
    Callbacks,
    nats::{Worker, WorkerConfig},
    on_event_async,
};

use crate::{
    calls::{Gateway, PATIENCE, until},
    lines::{Lines, assert_in_order, assert_same, assert_whole, id, read, runs},
    server::Server,
};

/// The example's binary, which cargo builds next to the tests.
fn example() -> PathBuf {
    let test = env::current_exe().unwrap();
    let worker = test.parent().unwrap().with_file_name("examples").join("nats_worker");
    assert!(worker.exists(), "run first: cargo build --example nats_worker");
    worker
}

fn spawn(server: &Server, events: &Path) -> Child {
    let mut command = Command::new(example());
    command.arg("--url").arg(server.url()).arg("--events").arg(events).spawn().unwrap()
}

/// Workers are killed repeatedly: each process's handlers receive runs in order, and together they receive
/// all runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_workers_deliver_all_runs() {
    let Some(server) = Server::start() else { return };
    let gateway = Gateway::to(&server).await;
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<_> = (0..4).map(|n| folder.path().join(format!("{n}.jsonl"))).collect();
    let done = AtomicBool::new(false);
    let calls = async {
        for _ in 0..4 {
            gateway.calls(30, 100, Duration::from_millis(8)).await;
        }
        gateway.flush().await;
        done.store(true, Ordering::Relaxed);
    };
    let kills = async {
        for file in &files[..3] {
            let mut worker = spawn(&server, file);
            sleep(Duration::from_millis(900)).await;
            worker.kill().unwrap();
            worker.wait().unwrap();
        }
    };
    tokio::join!(calls, kills);
    let mut worker = spawn(&server, &files[3]);
    let wanted: BTreeSet<_> = gateway.here.get().iter().map(id).collect();
    let until = Instant::now() + PATIENCE;
    let delivered = loop {
        let delivered: Vec<_> =
            files.iter().map(|file| read(&fs::read(file).unwrap_or_default())).collect();
        let all: BTreeSet<_> = delivered.iter().flatten().map(id).collect();
        if all == wanted {
            break delivered;
        }
        assert!(Instant::now() < until, "{} of {}", all.len(), wanted.len());
        sleep(Duration::from_millis(50)).await;
    };
    kill_process(Pid::from_child(&worker), Signal::TERM).unwrap();
    assert!(worker.wait().unwrap().success());
    let here = gateway.here.get();
    let here = runs(&here);
    let mut whole = BTreeSet::new();
    for (number, delivered) in delivered.iter().enumerate() {
        let open = assert_in_order(delivered);
        println!("worker {number}: {} events, {} runs open", delivered.len(), open.len());
        for (run, lines) in runs(delivered) {
            if !open.contains(&run) {
                let data = |lines: &[&Value]| -> Vec<_> {
                    lines.iter().map(|line| (id(line), line["data"].clone())).collect()
                };
                assert!(data(&lines) == data(&here[&run]), "worker {number}");
                whole.insert(run);
            }
        }
    }
    assert_eq!(whole.len(), here.len());
    let first = assert_in_order(&delivered[0]);
    assert!(
        !first.is_empty() && delivered[1].len() > 100,
        "the first worker was not killed in the middle"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_share_a_group() {
    let Some(server) = Server::start() else { return };
    let gateway = Gateway::to(&server).await;
    let there = [Lines::default(), Lines::default(), Lines::default()];
    let start = async |number: usize| {
        let callbacks = Callbacks::new().add(there[number].blocking());
        let config = WorkerConfig::new(server.stream());
        let config =
            if number < 2 { config.share(number as u32, 2) } else { config.group("others") };
        Worker::connect(config, callbacks).await.unwrap()
    };
    let (zero, one, other) = (start(0).await, start(1).await, start(2).await);
    gateway.calls(60, 20, Duration::from_millis(1)).await;
    gateway.flush().await;
    let published = gateway.here.len() as u64;
    until(&zero, |stats| stats.delivered + one.stats().delivered == published).await;
    until(&other, |stats| stats.delivered == published).await;
    for worker in [zero, one, other] {
        worker.stop().await.unwrap();
    }
    let [zero, one, other] = there.map(|lines| lines.get());
    let (a, b) = (runs(&zero), runs(&one));
    assert!(a.len() > 10 && b.len() > 10 && a.keys().all(|run| !b.contains_key(run)));
    assert_whole(&zero);
    assert_whole(&one);
    assert_same([zero, one].concat(), &gateway.here);
    assert_same(other, &gateway.here);
}

/// Runs delivered to their end are not delivered again. Open runs are, from their start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_worker_resumes_with_open_runs() {
    let Some(server) = Server::start() else { return };
    let gateway = Gateway::to(&server).await;
    let first = Lines::default();
    let config = || WorkerConfig::new(server.stream());
    let callbacks = Callbacks::new().add(first.inline());
    let worker = Worker::connect(config(), callbacks).await.unwrap();
    gateway.calls(20, 5, Duration::ZERO).await;
    gateway.flush().await;
    until(&worker, |stats| stats.delivered == 140).await;
    sleep(Duration::from_millis(500)).await;
    let long = gateway.call(40, Duration::from_millis(50));
    let meanwhile = async {
        sleep(Duration::from_millis(300)).await;
        gateway.calls(20, 5, Duration::ZERO).await;
        gateway.flush().await;
        until(&worker, |stats| stats.delivered > 281).await;
        worker.stop().await.unwrap();
    };
    tokio::join!(long, meanwhile);
    gateway.flush().await;
    let second = Lines::default();
    let callbacks = Callbacks::new().add(second.inline());
    let worker = Worker::connect(config(), callbacks).await.unwrap();
    let second_has_long = || runs(&second.get()).values().any(|lines| lines.len() == 42);
    let until = Instant::now() + PATIENCE;
    while !second_has_long() {
        assert!(Instant::now() < until, "{worker:?}");
        sleep(Duration::from_millis(10)).await;
    }
    worker.stop().await.unwrap();
    assert_whole(&second.get());
    // In the first worker, the long run ended when the worker stopped.
    assert_whole(&first.get());
    let (first, second) = (first.get(), second.get());
    let (first, second) = (runs(&first), runs(&second));
    assert_eq!(first.len(), 41);
    let early: Vec<_> = first.keys().take(20).filter(|run| second.contains_key(*run)).collect();
    assert!(early.is_empty(), "delivered again: {early:?}");
}

/// The publisher is gone, and never sends the run's end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_run_times_out() {
    let Some(server) = Server::start() else { return };
    let there = Lines::default();
    let config = || {
        let config = WorkerConfig::new(server.stream().partitions(1));
        config.run_timeout(Duration::from_millis(400))
    };
    let callbacks = Callbacks::new().add(there.inline());
    let worker = Worker::connect(config(), callbacks).await.unwrap();
    let run_id = "01919a2c-0000-7000-8000-000000000001";
    let start = format!(
        r#"{{"v":1,"event":"chain_start","run_id":"{run_id}","parent_run_id":null,"trace_id":"{run_id}","seq":0,"time":"2026-11-22T08:00:00.123456Z","run_type":"chain","name":"import","attempt":1,"tags":[],"metadata":{{}},"data":{{"input":1}}}}"#
    );
    let client = async_nats::connect(server.url()).await.unwrap();
    client.publish("llm.events.0.chain.chain_start", start.into()).await.unwrap();
    until(&worker, |stats| stats.timed_out == 1).await;
    sleep(Duration::from_millis(300)).await;
    let lines = there.get();
    assert_whole(&lines);
    assert_eq!(lines[1]["data"]["error"]["kind"], "transport");
    worker.stop().await.unwrap();
    // No events are left for another worker.
    let callbacks = Callbacks::new().add(there.inline());
    let worker = Worker::connect(config(), callbacks).await.unwrap();
    sleep(Duration::from_millis(500)).await;
    assert_eq!((worker.stats().delivered, worker.stats().connections), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_worker_takes_over() {
    let Some(server) = Server::start() else { return };
    let gateway = Gateway::to(&server).await;
    let config = || WorkerConfig::new(server.stream());
    let [one, two] = [Lines::default(), Lines::default()];
    let callbacks = Callbacks::new().add(one.inline());
    let mut first = Worker::connect(config(), callbacks).await.unwrap();
    gateway.calls(20, 5, Duration::ZERO).await;
    gateway.flush().await;
    until(&first, |stats| stats.delivered == 140).await;
    sleep(Duration::from_millis(300)).await;
    let second = Worker::connect(config(), Callbacks::new().add(two.inline())).await.unwrap();
    let error = tokio::time::timeout(PATIENCE, first.taken_over()).await.unwrap();
    assert!(error.is_taken_over(), "{error}");
    gateway.calls(20, 5, Duration::ZERO).await;
    gateway.flush().await;
    until(&second, |stats| stats.delivered >= 140).await;
    drop(first);
    second.stop().await.unwrap();
    assert_whole(&two.get());
    let delivered: BTreeSet<_> = one.get().iter().chain(&two.get()).map(id).collect();
    assert_eq!(delivered.len(), gateway.here.len());
}

/// Stopping waits for handlers. The events they have handled are not delivered again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_waits_for_handlers() {
    let Some(server) = Server::start() else { return };
    let gateway = Gateway::to(&server).await;
    gateway.calls(20, 5, Duration::ZERO).await;
    gateway.flush().await;
    let ended = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&ended);
    let slow = on_event_async(move |_, event| {
        let counted = Arc::clone(&counted);
        async move {
            if event.kind().is_terminal() {
                sleep(Duration::from_secs(1)).await;
                counted.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let config = || WorkerConfig::new(server.stream());
    let callbacks = Callbacks::new().async_handler(slow);
    let worker = Worker::connect(config(), callbacks).await.unwrap();
    until(&worker, |stats| stats.delivered >= 20 * 6).await;
    worker.stop().await.unwrap();
    assert_eq!(ended.load(Ordering::Relaxed), 20);
    let again = Worker::connect(config(), Callbacks::new()).await.unwrap();
    sleep(Duration::from_millis(500)).await;
    assert_eq!((again.stats().delivered, again.stats().without_start), (0, 0));
}
