//! An upstream that writes raw bytes to a socket, a gateway in front of it, and a client.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
    routing::{any, get},
};
use bytes::Bytes;
use http::{StatusCode, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use support::{MODES, Mode, Recorders, only_terminal};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};
use tower::Layer;
use tower_llm_callbacks::{
    ErrorKind, HttpCallbackLayer,
    http_layer::{RequestBody, TransportFailure},
    wire::anthropic::AnthropicMessages,
};

/// Pieces of an answer, each written and flushed separately.
pub(crate) type Raw = Vec<String>;

pub(crate) fn head(status: &str, headers: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-type: text/event-stream\r\n{headers}\r\n\r\n")
}

pub(crate) fn chunked(piece: &str) -> String {
    format!("{:x}\r\n{piece}\r\n", piece.len())
}

/// Reads a request to its end: by its length, or by its last chunk.
async fn request(socket: &mut TcpStream) {
    let mut seen = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&seen).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            if length.is_none_or(|length| body.len() >= length.trim().parse().unwrap())
                && (!head.contains("chunked") || body.ends_with("0\r\n\r\n"))
            {
                return;
            }
        }
        if socket.read_buf(&mut seen).await.unwrap() == 0 {
            return;
        }
    }
}

async fn serve<F>(answer: impl FnOnce(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.set_nodelay(true).unwrap();
        request(&mut socket).await;
        answer(socket).await;
    });
    address
}

async fn write(socket: &mut TcpStream, pieces: &[String]) {
    for piece in pieces {
        socket.write_all(piece.as_bytes()).await.unwrap();
        tokio::task::yield_now().await;
    }
}

/// Answers one request and closes the connection.
pub(crate) async fn raw(pieces: Raw) -> SocketAddr {
    serve(|mut socket| async move { write(&mut socket, &pieces).await }).await
}

/// Like [`raw`], but resets the connection after the answer.
pub(crate) async fn resetting(pieces: Raw) -> SocketAddr {
    serve(|mut socket| async move {
        write(&mut socket, &pieces).await;
        socket.set_zero_linger().unwrap();
    })
    .await
}

/// Like [`raw`], but keeps the connection open until the peer closes it. The receiver is notified of that.
pub(crate) async fn hanging(pieces: Raw) -> (SocketAddr, oneshot::Receiver<()>) {
    let (closed, gone) = oneshot::channel();
    let address = serve(|mut socket| async move {
        write(&mut socket, &pieces).await;
        let _ = socket.read(&mut [0]).await;
        let _ = closed.send(());
    });
    (address.await, gone)
}

/// Sends a piece repeatedly until the peer is gone. The receiver is notified of that.
pub(crate) async fn endless(piece: String) -> (SocketAddr, oneshot::Receiver<()>) {
    let (closed, gone) = oneshot::channel();
    let address = serve(|mut socket| async move {
        write(&mut socket, &[head("200 OK", "transfer-encoding: chunked")]).await;
        while socket.write_all(chunked(&piece).as_bytes()).await.is_ok() {
            tokio::task::yield_now().await;
        }
        let _ = closed.send(());
    });
    (address.await, gone)
}

/// A gateway with the layer, and its upstream client with the layer, with recorders for both.
pub(crate) struct Peers {
    address: SocketAddr,
    gateway: Recorders,
    client: Recorders,
}

type HyperClient<B> = Client<HttpConnector, B>;

/// Forwards a request with a client that has the layer.
async fn forward(upstream: SocketAddr, layer: HttpCallbackLayer, request: Request) -> Response {
    let client: HyperClient<RequestBody<Body>> = Client::builder(TokioExecutor::new()).build_http();
    let (mut head, body) = request.into_parts();
    head.uri = format!("http://{upstream}{}", head.uri.path()).parse().unwrap();
    head.version = Version::HTTP_11;
    head.headers.remove("expect");
    // The extensions belong to the gateway's call.
    head.extensions.clear();
    match layer.layer(client).oneshot(Request::from_parts(head, body)).await {
        Ok(response) => response.map(Body::new).into_response(),
        Err(error) => {
            let mut response = StatusCode::BAD_GATEWAY.into_response();
            response.extensions_mut().insert(TransportFailure::new(error.to_string()));
            response
        }
    }
}

/// Echoes four bytes over the upgraded connection.
async fn echo(mut request: Request) -> Response {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut socket = TokioIo::new(upgrade.await.unwrap());
        let mut bytes = [0; 4];
        socket.read_exact(&mut bytes).await.unwrap();
        socket.write_all(&bytes).await.unwrap();
    });
    let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
    let response = response.header("connection", "upgrade").header("upgrade", "websocket");
    response.body(Body::empty()).unwrap()
}

impl Peers {
    pub(crate) async fn new(upstream: SocketAddr) -> Self {
        // Awaited handlers have received the terminal when the client has the last frame.
        let awaited: Vec<Mode> = MODES.into_iter().filter(|mode| mode.is_awaited()).collect();
        let [gateway, client] = [Recorders::new(&awaited), Recorders::new(&awaited)];
        let layer = |recorders: &Recorders| {
            HttpCallbackLayer::new(recorders.callbacks.clone()).route("/routed", AnthropicMessages)
        };
        let inner = layer(&client);
        let forward = move |request| forward(upstream, inner.clone(), request);
        let router = Router::new()
            .route("/v1/messages", any(forward.clone()))
            .route("/routed", any(forward))
            .route("/socket", get(echo))
            .layer(layer(&gateway));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Arc::new(router);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = TowerToHyperService::new(Router::clone(&router));
                tokio::spawn(async move {
                    let builder = auto::Builder::new(TokioExecutor::new());
                    let _ =
                        builder.serve_connection_with_upgrades(TokioIo::new(socket), service).await;
                });
            }
        });
        Self { address, gateway, client }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    pub(crate) async fn post(
        &self,
        version: Version,
        body: &'static str,
    ) -> http::Response<Incoming> {
        let request = Request::post(self.url("/v1/messages")).version(version);
        self.send(request.body(Full::from(body)).unwrap()).await
    }

    /// Like `post`, for answers that may break off. Over HTTP/1.1 hyper's server then drops what it has not
    /// flushed, possibly including the head.
    pub(crate) async fn try_post(
        &self,
        version: Version,
        body: &'static str,
    ) -> Option<http::Response<Incoming>> {
        let request = Request::post(self.url("/v1/messages")).version(version);
        let outcome = Self::client(version).request(request.body(Full::from(body)).unwrap()).await;
        match outcome {
            Ok(response) => Some(response),
            Err(_) if version == Version::HTTP_11 => None,
            Err(error) => panic!("{error:?}"),
        }
    }

    fn client(version: Version) -> HyperClient<Full<Bytes>> {
        let mut builder = Client::builder(TokioExecutor::new());
        builder.http2_only(version == Version::HTTP_2).pool_max_idle_per_host(0);
        builder.build_http()
    }

    pub(crate) async fn send(
        &self,
        request: http::Request<Full<Bytes>>,
    ) -> http::Response<Incoming> {
        Self::client(request.version()).request(request).await.unwrap()
    }

    /// Waits until both runs have ended with this kind.
    pub(crate) async fn ended(&self, kind: Option<ErrorKind>) {
        for recorders in [&self.gateway, &self.client] {
            let each = &recorders.each;
            let all = || each.iter().all(|(_, recorder)| recorder.terminals().len() == 1);
            support::until(all).await;
            recorders.ended(kind).await;
        }
    }

    /// Asserts that both runs have ended with this kind and text.
    #[track_caller]
    pub(crate) fn ended_by_now(&self, kind: Option<ErrorKind>, text: &str) {
        for recorders in [&self.client, &self.gateway] {
            for (mode, recorder) in &recorders.each {
                let terminal = only_terminal(*mode, recorder, kind);
                assert_eq!(terminal.result().unwrap().text(), text);
            }
        }
    }

    /// Asserts that no run was started.
    pub(crate) async fn nothing(&self) {
        for recorders in [&self.client, &self.gateway] {
            assert!(recorders.callbacks.flush(support::PATIENCE).await.is_complete());
            recorders.nothing();
        }
    }
}
