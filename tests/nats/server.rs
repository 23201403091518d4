//! A NATS server process for one test.

use std::{
    env,
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use async_nats::jetstream;
use futures::StreamExt;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tempfile::TempDir;
use tower_llm_callbacks::nats::StreamConfig;

pub(crate) struct Server {
    process: Option<Child>,
    port: u16,
    folder: TempDir,
}

impl Server {
    /// Starts a server. `None` if NATS is not installed.
    pub(crate) fn start() -> Option<Self> {
        let mut server = Self::not_yet()?;
        server.begin();
        Some(server)
    }

    /// A server that is not started yet. `None` if NATS is not installed.
    pub(crate) fn not_yet() -> Option<Self> {
        if Command::new("nats-server").arg("--version").stdout(Stdio::null()).status().is_err() {
            assert!(env::var("CI").is_err(), "nats-server is not installed: bash .ci/nats.sh");
            println!("skipped: nats-server is not installed");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Some(Self { process: None, port, folder: tempfile::tempdir().unwrap() })
    }

    pub(crate) fn begin(&mut self) {
        let child = Command::new("nats-server")
            .args(["--addr", "127.0.0.1", "--port", &self.port.to_string(), "--jetstream"])
            .arg("--store_dir")
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.process = Some(child);
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < until, "the server does not listen");
            sleep(Duration::from_millis(10));
        }
    }

    /// Kills the server with SIGKILL. Its disk storage survives.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(self.process.as_ref().unwrap())
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Stops the process. Its connections stay open.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
        // Its threads stop some time after the signal is sent.
        waitid(WaitId::Pid(self.pid()), WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT).unwrap();
    }

    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(crate) fn stream(&self) -> StreamConfig {
        StreamConfig::new(&self.url()).timeout(Duration::from_secs(2))
    }

    /// Returns the number of messages in the only stream.
    pub(crate) async fn messages(&self) -> u64 {
        let context = jetstream::new(async_nats::connect(self.url()).await.unwrap());
        let name = context.stream_names().next().await.unwrap().unwrap();
        let mut stream = context.get_stream(name).await.unwrap();
        stream.info().await.unwrap().state.messages
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
