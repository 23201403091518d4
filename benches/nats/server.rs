use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use async_nats::jetstream;
use tower_llm_callbacks::nats::{Publisher, PublisherConfig, StreamConfig};

/// A NATS server that keeps its streams in memory.
pub(crate) struct NatsServer {
    process: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

/// A stream with one partition.
pub(crate) struct TestStream {
    pub(crate) name: String,
    pub(crate) config: StreamConfig,
    pub(crate) jetstream: jetstream::Context,
}

impl NatsServer {
    pub(crate) fn start() -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        let folder = tempfile::tempdir().ok()?;
        let process = Command::new("nats-server")
            .args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--jetstream"])
            .arg("--store_dir")
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            sleep(Duration::from_millis(20));
        }
        Some(Self { process, port, _folder: folder })
    }

    pub(crate) async fn stream(&self, name: &str) -> TestStream {
        let url = format!("nats://127.0.0.1:{}", self.port);
        let config = StreamConfig::new(&url).name(name).prefix(name).partitions(1);
        let config = config.storage(tower_llm_callbacks::nats::Storage::Memory);
        let publisher = Publisher::connect(PublisherConfig::new(config.clone())).await;
        drop(publisher.expect("a stream"));
        let client = async_nats::connect(url).await.expect("connected");
        TestStream { name: name.to_owned(), config, jetstream: jetstream::new(client) }
    }

    /// Checks that all events were stored, and deletes the stream.
    pub(crate) async fn delete(&self, stream: &TestStream, events: usize) {
        let stored = stream.jetstream.get_stream(&stream.name).await.expect("the stream exists");
        assert_eq!(stored.cached_info().state.messages, events as u64);
        stream.jetstream.delete_stream(&stream.name).await.expect("deleted");
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
