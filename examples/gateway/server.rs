use std::{io, net::SocketAddr, time::Duration};

use axum::Router;
use hyper::rt::Executor;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::{signals::Signals, tasks::Tasks};

/// Connections the system may hold that were not accepted yet; many come at once after a restart.
const BACKLOG: u32 = 4096;

/// What one HTTP/2 connection may have open.
const STREAMS: u32 = 10_000;

/// What the system holds for a browser that does not read: by default that may be megabytes.
const SENT_AHEAD: u32 = 64 << 10;

/// Binds the address.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    bind(socket(address)?, address)
}

/// Binds the address of the live page.
pub(crate) fn listen_for_browsers(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address)?;
    socket.set_send_buffer_size(SENT_AHEAD)?;
    bind(socket, address)
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }
}

fn bind(socket: TcpSocket, address: SocketAddr) -> io::Result<TcpListener> {
    socket.set_reuseaddr(true)?;
    let in_vain = |error| io::Error::other(format!("cannot listen on {address}: {error}"));
    socket.bind(address).map_err(in_vain)?;
    socket.listen(BACKLOG)
}

/// Serves HTTP/1.1 and HTTP/2 without TLS until a signal comes. Then what runs may go on for the
/// grace period, or until a second signal; what still runs after it is dropped.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    mut signals: Signals,
    grace: Duration,
) {
    let (tasks, running) = Tasks::new();
    let graceful = GracefulShutdown::new();
    let http = http(tasks.clone());

    loop {
        let stream = tokio::select! {
            stream = accept(&listener) => stream,
            () = signals.next() => break,
        };
        let service = TowerToHyperService::new(app.clone());
        let connection = http.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        // A connection that breaks is its client's affair; the call's run says how it ended.
        tasks.execute(async move { drop(connection.await) });
    }

    drop((listener, http, tasks));
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(grace) => eprintln!("the grace period is over"),
        () = signals.next() => eprintln!("asked a second time: not waiting any longer"),
    }
    running.drop_all().await;
}

fn http(tasks: Tasks) -> auto::Builder<Tasks> {
    let mut http = auto::Builder::new(tasks);
    http.http1().timer(TokioTimer::new()).preserve_header_case(true);
    http.http2().timer(TokioTimer::new()).max_concurrent_streams(STREAMS);
    http
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Tokens are small packets, and each is to leave at once.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                // Out of file descriptors, most likely: others will be closed.
                eprintln!("cannot accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
