//! Budgets of several processes, over a server that is killed.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use futures::future::join_all;
use http::StatusCode;
use serde_json::Value;
use tokio::time::sleep;
use tower::{Layer, Service};
use tower_llm_callbacks::{
    Aborted, CallbackLayer, Callbacks, Delta, Usage,
    chat::{self, ChatRequest},
    handlers::{BudgetAccounts, BudgetGuard, SharedBudgetGuard, SharedBudgets},
    nats::{BucketConfig, NatsBudgets},
    testing::{Script, ScriptedModel},
};

use crate::{calls::PATIENCE, server::Server};

const LIMIT: u64 = 60_000;
const RESERVED: u64 = 100;
const LEASE: Duration = Duration::from_secs(2);
const ACCOUNT: &str = "all/all/key/";

fn bucket(url: &str) -> BucketConfig {
    BucketConfig::new(url).timeout(Duration::from_secs(1))
}

fn guard(limit: u64, accounts: NatsBudgets) -> SharedBudgetGuard {
    let budgets = SharedBudgets::new("all", accounts).lease(LEASE);
    BudgetGuard::builder().tokens(limit).reserve(RESERVED).build_shared(budgets)
}

/// Makes a call that uses so many tokens and takes so long. Returns the status of a refusal, and the time to the
/// response.
async fn call(
    guard: &SharedBudgetGuard,
    tokens: u64,
    pace: Duration,
) -> (Option<StatusCode>, Duration) {
    let usage = Delta::Usage { usage: Usage::new(tokens, 0), raw: None };
    let script = Script::new().respond().pause(pace).chunk(usage).complete("stop");
    let layer = CallbackLayer::new(Callbacks::new().add(guard.handler()));
    let begun = Instant::now();
    let answer = layer.layer(ScriptedModel::new(script)).call(ChatRequest::new("m")).await;
    let started = begun.elapsed();
    match answer {
        Ok(answer) => {
            chat::collect(answer).await.unwrap();
            (None, started)
        }
        Err(error) => {
            let aborted = error.downcast::<Aborted>().unwrap();
            (Some(aborted.abort().status_code()), started)
        }
    }
}

/// What each process has spent and reserved.
async fn parts(accounts: &NatsBudgets) -> BTreeMap<String, (u64, u64)> {
    let Some(entry) = accounts.load(ACCOUNT).await.unwrap() else { return BTreeMap::new() };
    let value: Value = serde_json::from_str(&entry.value).unwrap();
    let tokens = |part: &Value, what: &str| part[what]["tokens"].as_u64().unwrap();
    let parts = value["parts"].as_object().unwrap().iter();
    parts.map(|(id, it)| (id.clone(), (tokens(it, "spent"), tokens(it, "reserved")))).collect()
}

/// Not a test: a process that makes calls, some at a time, until the budget has been spent for some time. It writes down the
/// usage of each call that has ended.
#[test]
#[ignore = "a process of another test"]
fn process() {
    let Ok(url) = env::var("BUDGET_URL") else { return };
    let concurrency: u64 = env::var("BUDGET_CALLS").unwrap().parse().unwrap();
    let path = env::var("BUDGET_FILE").unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let guard = guard(LIMIT, NatsBudgets::start(bucket(&url)));
        let of_task = async |task: u64| {
            let mut file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
            let (mut number, mut spent_since) = (task, None::<Instant>);
            while spent_since.is_none_or(|since| since.elapsed() < LEASE * 3) {
                number += 7;
                let tokens = 60 + number % 41;
                match call(&guard, tokens, Duration::from_millis(10)).await.0 {
                    None => {
                        file.write_all(format!("used {tokens}\n").as_bytes()).unwrap();
                        spent_since = None;
                    }
                    Some(StatusCode::TOO_MANY_REQUESTS) => {
                        spent_since.get_or_insert_with(Instant::now);
                        sleep(Duration::from_millis(50)).await;
                    }
                    Some(StatusCode::SERVICE_UNAVAILABLE) => {
                        file.write_all(b"unreachable\n").unwrap();
                        sleep(Duration::from_millis(20)).await;
                    }
                    Some(status) => panic!("{status}"),
                }
            }
        };
        join_all((0..concurrency).map(of_task)).await;
        assert_eq!(guard.flush(PATIENCE).await, 0);
    });
}

fn spawn(server: &Server, file: &Path, concurrency: u64) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["budgets::process", "--exact", "--ignored"]).stdout(Stdio::null());
    command.env("BUDGET_URL", server.url()).env("BUDGET_FILE", file);
    command.env("BUDGET_CALLS", concurrency.to_string()).spawn().unwrap()
}

fn used(file: &Path) -> u64 {
    let lines = fs::read_to_string(file).unwrap_or_default();
    lines.lines().filter_map(|line| line.strip_prefix("used ")?.parse::<u64>().ok()).sum()
}

/// Three processes spend one budget. The server is killed twice, and one process. The others spend the budget to its end, and
/// no more; the server has what they have used, to the token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_servers_and_processes_overspend_nothing() {
    let Some(mut server) = Server::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<_> = (0..3).map(|n| folder.path().join(format!("{n}.txt"))).collect();
    let mut processes: Vec<_> =
        files.iter().zip([1, 4, 4]).map(|(file, calls)| spawn(&server, file, calls)).collect();
    let until = Instant::now() + PATIENCE;
    let reached = async |tokens: u64| {
        while files.iter().map(|file| used(file)).sum::<u64>() < tokens {
            assert!(
                Instant::now() < until,
                "{:?}",
                files.iter().map(|it| used(it)).collect::<Vec<_>>()
            );
            sleep(Duration::from_millis(5)).await;
        }
    };
    reached(LIMIT / 8).await;
    server.kill();
    sleep(Duration::from_millis(700)).await;
    server.begin();
    reached(LIMIT / 4).await;
    processes[0].kill().unwrap();
    processes[0].wait().unwrap();
    reached(LIMIT / 2).await;
    server.kill();
    // Longer than calls wait, and than a lease.
    sleep(Duration::from_secs(4)).await;
    server.begin();
    for process in &mut processes[1..] {
        while process.try_wait().unwrap().is_none_or(|status| {
            assert!(status.success());
            false
        }) {
            assert!(Instant::now() < until, "a process does not end");
            sleep(Duration::from_millis(50)).await;
        }
    }
    let used: Vec<_> = files.iter().map(|file| used(file)).collect();
    let accounts = NatsBudgets::connect(bucket(&server.url())).await.unwrap();
    let parts = parts(&accounts).await;
    println!("used {used:?}, stored {parts:?}");
    assert!(used.iter().all(|tokens| *tokens > LIMIT / 50), "one was not at work: {used:?}");
    let stored: u64 = parts.values().map(|(spent, _)| spent).sum();
    // The killed process may have written down a run that the server does not know, or not have written down one that it does.
    let of_killed = stored - used[1] - used[2];
    assert!(parts.values().any(|(spent, _)| *spent == of_killed), "something was lost");
    assert!(of_killed.abs_diff(used[0]) <= RESERVED, "{of_killed}, {}", used[0]);
    assert!(parts.values().all(|(_, reserved)| *reserved == 0), "a reservation is left");
    assert!(stored <= LIMIT && stored > LIMIT - RESERVED, "{stored}");
    // With what the killed process had open.
    assert!(used.iter().sum::<u64>() + RESERVED <= LIMIT + 2 * RESERVED, "{used:?}");
    let refused = fs::read_to_string(&files[1]).unwrap().matches("unreachable").count();
    assert!(refused > 0, "the server was not missed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_starts_later_is_found() {
    let Some(mut server) = Server::not_yet() else { return };
    let error = NatsBudgets::connect(bucket(&server.url())).await.unwrap_err();
    assert!(error.is_connect(), "{error}");
    let accounts = NatsBudgets::start(bucket(&server.url()).name("later"));
    let guard = guard(1_000, accounts.clone());
    assert_eq!(call(&guard, 9, Duration::ZERO).await.0, Some(StatusCode::SERVICE_UNAVAILABLE));
    server.begin();
    let until = Instant::now() + PATIENCE;
    while call(&guard, 9, Duration::ZERO).await.0.is_some() {
        assert!(Instant::now() < until);
    }
    assert_eq!(guard.flush(PATIENCE).await, 0);
    assert_eq!(parts(&accounts).await.into_values().collect::<Vec<_>>(), [(9, 0)]);
}

/// The frozen server keeps its connection open. A call waits no longer than the guard's timeout.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_refuses_and_recovers() {
    let Some(server) = Server::start() else { return };
    let accounts = NatsBudgets::connect(bucket(&server.url())).await.unwrap();
    let guard = guard(1_000, accounts.clone());
    assert_eq!(call(&guard, 9, Duration::ZERO).await.0, None);
    server.freeze();
    let (status, waited) = call(&guard, 9, Duration::ZERO).await;
    assert_eq!(status, Some(StatusCode::SERVICE_UNAVAILABLE));
    assert!(waited < Duration::from_secs(10), "{waited:?}");
    server.thaw();
    let until = Instant::now() + PATIENCE;
    while call(&guard, 9, Duration::ZERO).await.0.is_some() {
        assert!(Instant::now() < until);
    }
    assert_eq!(guard.flush(PATIENCE).await, 0);
    assert_eq!(parts(&accounts).await.into_values().collect::<Vec<_>>(), [(18, 0)]);
}

/// Compare-and-set, with names of any characters, and with an account that an operator has deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_are_replaced_by_compare_and_set() {
    use tower_llm_callbacks::handlers::AccountStored::{Changed, Revision};
    let Some(server) = Server::start() else { return };
    let accounts = NatsBudgets::connect(bucket(&server.url())).await.unwrap();
    for name in ["a/1/key/", "a/1/key/é.*> \n", "a/1/key/é.*> ", &"x".repeat(400)] {
        assert_eq!(accounts.load(name).await.unwrap(), None);
        let Revision(first) = accounts.store(name, "1".into(), None).await.unwrap() else {
            panic!()
        };
        assert_eq!(accounts.store(name, "2".into(), None).await.unwrap(), Changed);
        let Revision(second) = accounts.store(name, "3".into(), Some(first)).await.unwrap() else {
            panic!()
        };
        assert_eq!(accounts.store(name, "4".into(), Some(first)).await.unwrap(), Changed);
        let entry = accounts.load(name).await.unwrap().unwrap();
        assert_eq!((entry.value.as_str(), entry.revision), ("3", second));
    }
    let client = async_nats::connect(server.url()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    context.get_key_value("llm-budgets").await.unwrap().delete("a/1/key/").await.unwrap();
    assert_eq!(accounts.load("a/1/key/").await.unwrap(), None);
    assert!(matches!(accounts.store("a/1/key/", "5".into(), None).await.unwrap(), Revision(_)));
    // The whole bucket is made again.
    context.delete_key_value("llm-budgets").await.unwrap();
    let mut stored = accounts.store("a/1/key/", "6".into(), None).await;
    if stored.is_err() {
        stored = accounts.store("a/1/key/", "6".into(), None).await;
    }
    assert!(matches!(stored.unwrap(), Revision(_)));
}

/// Prints how long a start takes with a server on the same machine.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn starts_are_fast() {
    let Some(server) = Server::start() else { return };
    let guard = guard(u64::MAX, NatsBudgets::connect(bucket(&server.url())).await.unwrap());
    for concurrency in [1, 16, 64] {
        let tasks = (0..concurrency).map(|_| async {
            let mut times = Vec::new();
            for _ in 0..400 {
                times.push(call(&guard, 9, Duration::from_millis(5)).await.1);
            }
            times
        });
        let mut times: Vec<_> = join_all(tasks).await.concat();
        times.sort();
        let at = |part: usize| times[times.len() * part / 1000];
        println!(
            "{concurrency} at a time: {:?}, 99 % {:?}, 99.9 % {:?}",
            at(500),
            at(990),
            at(999)
        );
    }
}
