//! Many concurrent streams, with handlers that are stuck or panic, and clients that are slow or disconnect:
//! no stream is damaged, and each run has one terminal.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use axum::{Router, body::Body, response::Response};
use futures::{StreamExt, future::join_all, stream};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tower_llm_callbacks::{
    Callbacks, HttpCallbackLayer, Registration, handlers::JsonLines, on_llm_new_token,
};

const STREAMS: usize = 256;
const TOKENS: usize = 100;
const PATIENCE: Duration = Duration::from_secs(60);

fn chunk(stream: &str, token: usize) -> String {
    format!(
        "data: {{\"id\":\"{stream}\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{token} \"}}}}]}}\n\n"
    )
}

fn end(stream: &str) -> String {
    format!(
        "data: {{\"id\":\"{stream}\",\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\ndata: [DONE]\n\n"
    )
}

fn whole(stream: &str) -> String {
    (0..TOKENS).map(|token| chunk(stream, token)).chain([end(stream)]).collect()
}

async fn provider(request: axum::extract::Request) -> Response {
    let id = request.headers()["x-stream"].to_str().unwrap().to_owned();
    let last = end(&id);
    let tokens = stream::iter(0..TOKENS).then(move |token| {
        let chunk = chunk(&id, token);
        async move {
            sleep(Duration::from_millis(1)).await;
            Ok::<_, Infallible>(chunk)
        }
    });
    let body = Body::from_stream(tokens.chain(stream::iter([Ok(last)])));
    Response::builder().header("content-type", "text/event-stream").body(body).unwrap()
}

/// How a client reads.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Client {
    Fast,
    Slow,
    Leaves,
}

fn client(number: usize) -> Client {
    match number % 4 {
        0 => Client::Slow,
        1 => Client::Leaves,
        _ => Client::Fast,
    }
}

async fn call(address: SocketAddr, number: usize) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let body = r#"{"model":"m","stream":true,"messages":[]}"#;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nx-stream: s{number}\r\ncontent-length: {}\r\n\r\n",
        body.len(),
    );
    socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let size = if client(number) == Client::Slow { 256 } else { buffer.len() };
        let read = socket.read(&mut buffer[..size]).await.unwrap();
        assert!(read > 0, "closed after {}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&buffer[..read]);
        match client(number) {
            Client::Slow => sleep(Duration::from_millis(2)).await,
            Client::Leaves if seen.len() > 2000 => return,
            _ => {}
        }
        if seen.ends_with(b"\r\n0\r\n\r\n") {
            break;
        }
    }
    let text = String::from_utf8(seen).unwrap();
    let (_, body) = text.split_once("\r\n\r\n").unwrap();
    assert_eq!(unchunked(body), whole(&format!("s{number}")), "stream {number} is damaged");
}

fn unchunked(mut body: &str) -> String {
    let mut all = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        all.push_str(&rest[..length]);
        body = &rest[length + 2..];
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_stream_is_damaged_and_each_run_ends_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let stuck = Arc::new(AtomicBool::new(true));
    let wait = Arc::clone(&stuck);
    let callbacks = Callbacks::new()
        .on_fault(|_fault| {})
        .blocking(JsonLines::open(&path).unwrap())
        .add(Registration::blocking(on_llm_new_token(|_run, _token| {
            std::panic::resume_unwind(Box::new("!"))
        })))
        .add(
            Registration::blocking(on_llm_new_token(move |_run, _token| {
                while wait.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(5));
                }
            }))
            .background()
            .threads(2)
            .capacity(16),
        );
    let gateway = Router::new().fallback(provider).layer(HttpCallbackLayer::new(callbacks.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, gateway).await });

    let calls = (0..STREAMS).map(|number| tokio::spawn(call(address, number)));
    for call in timeout(PATIENCE, join_all(calls)).await.expect("the calls hang") {
        call.unwrap();
    }
    stuck.store(false, Ordering::Relaxed);
    // The server notices a disconnect at its next write.
    let mut runs = HashMap::new();
    timeout(PATIENCE, async {
        loop {
            let flushed = callbacks.flush(PATIENCE).await;
            assert!(flushed.is_complete(), "{flushed:?}");
            runs = runs_of(&std::fs::read_to_string(&path).unwrap());
            if runs.len() == STREAMS && runs.values().all(|events| is_terminal(events.last())) {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("some runs have not ended");

    for events in runs.values() {
        assert_eq!(events[0]["event"], "llm_start");
        let terminals = events.iter().filter(|event| is_terminal(Some(event))).count();
        assert_eq!(terminals, 1);
        let last = &events[events.len() - 1];
        let tokens = events.iter().filter(|event| event["event"] == "llm_new_token");
        let text: String = tokens.map(|event| event["data"]["text"].as_str().unwrap()).collect();
        assert_eq!(last["data"]["choices"][0]["text"], text);
        let id = last["data"]["response_id"].as_str().unwrap();
        match client(id[1..].parse().unwrap()) {
            Client::Leaves => assert_eq!(last["data"]["error"]["kind"], "cancelled", "{last}"),
            _ => {
                assert_eq!(last["event"], "llm_end");
                assert_eq!(last["data"]["tokens"], TOKENS);
            }
        }
    }
}

fn runs_of(lines: &str) -> HashMap<String, Vec<Value>> {
    let mut runs: HashMap<_, Vec<Value>> = HashMap::new();
    for line in lines.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        runs.entry(event["run_id"].as_str().unwrap().to_owned()).or_default().push(event);
    }
    runs
}

fn is_terminal(event: Option<&Value>) -> bool {
    event.is_some_and(|event| event["event"] == "llm_end" || event["event"] == "llm_error")
}
