//! The configuration is read again while streams run.

use std::{fs, time::Duration};

use futures::future::join_all;
use rustix::process::Signal;
use tokio::time::{sleep, timeout};

use crate::{Gateway, PATIENCE, call, runs_of};

const STREAMS: usize = 256;
/// How many start with each reload.
const MORE: usize = 16;
const RELOADS: usize = 8;

/// Each reload moves the events to another file, but for every third, whose file is broken: nothing changes then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_under_streams_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    let events = |number: usize| folder.path().join(format!("events-{number}.jsonl"));
    let configure = |number: usize| {
        let sink = format!("[[sinks]]\njsonl = {{ path = {:?} }}\n", events(number));
        let rest = if number % 3 == 2 { "nonsense = 1\n" } else { "" };
        fs::write(&file, format!("pace_ms = 100\n{rest}{sink}")).unwrap();
    };
    configure(0);
    let gateway = Gateway::start(&["--config", file.to_str().unwrap()]);

    // An answer has about 25 tokens: those of the first wave run during all reloads.
    let wave = |streams: usize| {
        let address = gateway.address;
        tokio::spawn(async move {
            join_all((0..streams).map(|number| call(address, number))).await;
        })
    };
    let mut calls = vec![wave(STREAMS)];
    sleep(Duration::from_millis(500)).await;
    for number in 1..=RELOADS {
        configure(number);
        gateway.signal(Signal::HUP);
        let applied = async {
            while number % 3 != 2 && !events(number).exists() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, applied).await.expect("a valid file is not applied");
        calls.push(wave(MORE));
        sleep(Duration::from_millis(100)).await;
    }
    for call in timeout(PATIENCE, join_all(calls)).await.expect("a call hangs") {
        call.unwrap();
    }
    gateway.stop();

    let (mut found, mut files) = (0, 0);
    for number in 0..=RELOADS {
        if number % 3 == 2 {
            assert!(!events(number).exists(), "a broken file was applied");
            continue;
        }
        let runs = runs_of(&events(number));
        files += usize::from(!runs.is_empty());
        found += runs.len();
        for (run, ends) in runs {
            assert_eq!(ends, (1, 1), "run {run} in file {number}");
        }
    }
    assert_eq!(found, STREAMS + RELOADS * MORE, "runs in {files} files");
    assert!(files > 1, "no reload happened under load");
}
