//! The gateway example as a process, with many open streams: each run has one terminal in the JSONL, no event
//! is lost, and memory stays flat. `GATEWAY_STREAMS` sets the number of streams (default 500).

#[cfg(feature = "nats")]
#[path = "../nats/server.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod nats_server;
#[cfg(feature = "nats")]
mod publishing;
mod reload;

use std::{
    collections::HashMap,
    env, fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use futures::future::join_all;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{sleep, timeout},
};

const PATIENCE: Duration = Duration::from_secs(300);

struct Gateway {
    process: Child,
    address: SocketAddr,
}

impl Gateway {
    fn start(options: &[&str]) -> Self {
        let mut process = Command::new(example())
            .args(["--listen", "127.0.0.1:0"])
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .expect("cannot start the gateway");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().parse().unwrap();
        Self { process, address }
    }

    /// Resident memory in KiB, if the system reports it.
    fn memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix(" kB")?.trim().parse().ok()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    fn stop(mut self) {
        self.signal(Signal::TERM);
        assert!(self.process.wait().unwrap().success());
    }
}

/// The gateway binary, which cargo places beside this test.
fn example() -> PathBuf {
    let test = env::current_exe().unwrap();
    let gateway = test.parent().unwrap().with_file_name("examples").join("gateway");
    assert!(gateway.exists(), "run this first: cargo build --example gateway");
    gateway
}

/// The number of streams asked for, limited by the number of open files.
fn streams() -> usize {
    let asked = env::var("GATEWAY_STREAMS").map_or(500, |asked| asked.parse().unwrap());
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    let allowed = limit.maximum.map_or(asked, |most| usize::try_from(most).unwrap() - 100);
    if allowed < asked {
        println!("only {allowed} streams: limited by the number of open files");
    }
    asked.min(allowed)
}

async fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    // Small, so that the gateway notices clients that do not read.
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(address).await.unwrap()
}

/// Makes a call, and reads to the end of the answer or leaves midway.
async fn call(address: SocketAddr, number: usize) {
    sleep(Duration::from_micros(number as u64 * 100)).await;
    let mut socket = connect(address).await;
    let body = format!(
        r#"{{"model":"n{number}","stream":true,"messages":[{{"role":"user","content":"Hi"}}]}}"#
    );
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len(),
    );
    socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let (mut seen, mut buffer) = (Vec::new(), [0; 1024]);
    while !seen.ends_with(b"\r\n0\r\n\r\n") {
        let read = socket.read(&mut buffer).await.unwrap();
        assert!(read > 0, "closed after {}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&buffer[..read]);
        if number % 10 == 3 && seen.len() > 1500 {
            return;
        }
        if number % 10 == 4 {
            sleep(Duration::from_millis(200)).await;
        }
    }
    let text = String::from_utf8(seen).unwrap();
    assert!(text.contains("[DONE]"));
}

async fn wave(gateway: &Gateway, streams: usize, length: Duration) -> u64 {
    let calls = (0..streams).map(|number| tokio::spawn(call(gateway.address, number)));
    let calls = join_all(calls);
    let midway = async {
        sleep(length / 2 + Duration::from_micros(streams as u64 * 100)).await;
        gateway.memory().unwrap_or(0)
    };
    let (results, memory) =
        timeout(PATIENCE, async { tokio::join!(calls, midway) }).await.expect("a call hangs");
    for result in results {
        result.unwrap();
    }
    memory
}

/// The starts and the terminal events of each run in a file. Nothing follows a terminal event, and the token events are as
/// many as it says.
fn runs_of(path: &Path) -> HashMap<String, (usize, usize)> {
    let mut runs: HashMap<String, (usize, usize, u64)> = HashMap::new();
    for line in fs::read_to_string(path).unwrap().lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let id = event["run_id"].as_str().unwrap().to_owned();
        let (starts, terminals, tokens) = runs.entry(id).or_default();
        assert_eq!(*terminals, 0, "event after the end: {line}");
        match event["event"].as_str().unwrap() {
            "llm_start" => *starts += 1,
            "llm_new_token" => *tokens += 1,
            "llm_end" | "llm_error" => {
                *terminals += 1;
                assert_eq!(event["data"]["tokens"], *tokens, "{line}");
            }
            other => panic!("{other}"),
        }
    }
    runs.into_iter().map(|(run, (starts, terminals, _))| (run, (starts, terminals))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_stream_ends_once_and_memory_stays_flat() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let streams = streams();
    // An answer has about 25 tokens: at most 5,000 tokens a second in total.
    let pace = Duration::from_millis((streams as u64 / 5).clamp(20, 2000));
    let pace_ms = pace.as_millis().to_string();
    let events = path.to_str().unwrap();
    let gateway = Gateway::start(&["--events", events, "--pace-ms", &pace_ms]);
    let idle = gateway.memory().unwrap_or(0);
    let first = wave(&gateway, streams, pace * 25).await;
    let second = wave(&gateway, streams, pace * 25).await;
    println!(
        "{streams} streams: {idle} KiB idle, {first} KiB in the first wave, {second} KiB in the second"
    );
    assert!(second <= first + first / 4 + 10_000, "memory grows: {first} to {second} KiB");
    gateway.stop();

    let runs = runs_of(&path);
    assert_eq!(runs.len(), 2 * streams);
    for (run, (starts, terminals)) in runs {
        assert_eq!((starts, terminals), (1, 1), "run {run}");
    }
}
