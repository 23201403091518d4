//! The configuration has a NATS server as a sink. The gateway must be built with the feature `nats` too.

use std::fs;

use crate::{Gateway, call, nats_server::Server, runs_of};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nats_sink_gets_what_a_file_gets_also_if_a_reload_removes_it() {
    let Some(server) = Server::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (file, lines) = (folder.path().join("gateway.toml"), folder.path().join("events.jsonl"));
    let jsonl = format!("pace_ms = 20\n[[sinks]]\njsonl = {{ path = {lines:?} }}\n");
    let nats =
        format!("[[sinks]]\nnats = {{ url = {:?} }}\nmask = \"personal-data\"\n", server.url());
    fs::write(&file, format!("{jsonl}{nats}")).unwrap();
    let gateway = Gateway::start(&["--config", file.to_str().unwrap()]);

    let running = tokio::spawn(call(gateway.address, 0));
    while fs::read_to_string(&lines).is_ok_and(|lines| lines.is_empty()) {
        tokio::task::yield_now().await;
    }
    fs::write(&file, jsonl).unwrap();
    gateway.signal(rustix::process::Signal::HUP);
    running.await.unwrap();
    gateway.stop();

    assert_eq!(runs_of(&lines).len(), 1);
    let written = fs::read_to_string(&lines).unwrap().lines().count();
    assert_eq!(server.messages().await, written as u64);
}
