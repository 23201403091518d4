use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use hyper::rt::Executor;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::Semaphore,
};

use crate::{signals::Signals, tasks::Tasks};

/// The number of connections that may wait to be accepted. Many clients reconnect at once after a restart.
const BACKLOG: u32 = 4096;

/// The maximum number of concurrent streams of an HTTP/2 connection.
const STREAMS: u32 = 10_000;

/// The send buffer of a browser's connection. The default may be megabytes, even for a browser that does not read.
const SEND_BUFFER: u32 = 64 << 10;

/// Raises the soft limit of open files to the hard one: each stream needs two sockets, and the usual limit is 1,024.
pub(crate) fn raise_open_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        eprintln!("cannot raise the limit of open files: {error}");
    }
}

/// Binds the address.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    bind(socket(address)?, address)
}

/// Binds the address of the live page.
pub(crate) fn listen_for_browsers(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    bind(socket, address)
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }
}

fn bind(socket: TcpSocket, address: SocketAddr) -> io::Result<TcpListener> {
    socket.set_reuseaddr(true)?;
    let context = |error| io::Error::other(format!("cannot listen on {address}: {error}"));
    socket.bind(address).map_err(context)?;
    socket.listen(BACKLOG)
}

/// The limits of connections.
pub(crate) struct Limits {
    /// How long a client may be silent.
    pub(crate) silence: Duration,
    /// How long open streams may continue at the end.
    pub(crate) grace: Duration,
    /// How many connections may be open. Further ones wait.
    pub(crate) connections: Option<usize>,
}

/// Serves HTTP/1.1 and HTTP/2 without TLS until a signal arrives, and calls a closure then. Open streams may continue for the
/// grace period or until a second signal. The rest is dropped. A client that is silent for too long loses its connection.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    signals: &mut Signals,
    limits: &Limits,
    stopping: impl FnOnce(),
) {
    let &Limits { silence, grace, connections } = limits;
    let (tasks, running) = Tasks::new();
    let graceful = GracefulShutdown::new();
    let http = http(tasks.clone(), silence);
    let free = connections.unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS);
    let free = Arc::new(Semaphore::new(free));

    loop {
        let accepted = async {
            let place = Arc::clone(&free).acquire_owned().await;
            (place, accept(&listener).await)
        };
        let (place, stream) = tokio::select! {
            accepted = accepted => accepted,
            () = signals.next() => break,
        };
        let service = TowerToHyperService::new(app.clone());
        let (http, watcher) = (http.clone(), graceful.watcher());
        tasks.execute(async move {
            // hyper waits for the first byte without a limit, to learn the version of HTTP.
            let first = tokio::time::timeout(silence, stream.peek(&mut [0])).await;
            if !matches!(first, Ok(Ok(1))) {
                return;
            }
            let connection = http.serve_connection(TokioIo::new(stream), service).into_owned();
            // Errors of the connection are ignored: the run of a call reports how the call ended.
            drop(watcher.watch(connection).await);
            drop(place);
        });
    }

    stopping();
    drop((listener, http, tasks));
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(grace) => eprintln!("the grace period is over: dropping open streams"),
        () = signals.next() => eprintln!("second signal: dropping open streams"),
    }
    running.drop_all().await;
}

fn http(tasks: Tasks, silence: Duration) -> auto::Builder<Tasks> {
    let mut http = auto::Builder::new(tasks);
    http.http1().timer(TokioTimer::new()).header_read_timeout(silence).preserve_header_case(true);
    http.http2()
        .timer(TokioTimer::new())
        // A client that is there answers pings.
        .keep_alive_interval(silence)
        .max_concurrent_streams(STREAMS)
        // So that a client that opens a WebSocket gets an answer that refuses it.
        .enable_connect_protocol();
    http
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Tokens are small packets that must not wait for more data.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(error) if is_connection_error(&error) => {}
            Err(error) => {
                // Most likely no file descriptor is free. Wait until connections close.
                eprintln!("cannot accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Returns whether the error concerns one connection, not the listener.
fn is_connection_error(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
