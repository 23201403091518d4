//! The HTTP layer between real sockets: hyper serves an axum router with the layer. Its handler calls an
//! upstream with hyper's client, which has the layer too.

mod peers;

use bytes::Bytes;
use http::{Method, Request, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use peers::{Peers, Raw, chunked, head, raw};
use support::http::{HELLO, PROMPT, STOP, WHOLE, text_event};
use support::on_each_runtime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower_llm_callbacks::ErrorKind::{self, Cancelled, Invalid, Provider, Transport, Truncated};

fn exact(body: &str) -> Raw {
    vec![head("200 OK", &format!("content-length: {}", body.len())), body.into()]
}

fn in_chunks(pieces: &[&str], end: &str) -> Raw {
    let mut raw = vec![head("200 OK", "transfer-encoding: chunked")];
    raw.extend(pieces.iter().map(|piece| chunked(piece)));
    raw.push(end.into());
    raw
}

/// Upstream answers as bytes on a socket, and how both runs end.
fn answers() -> Vec<(&'static str, Raw, Option<ErrorKind>, &'static str)> {
    let hello = HELLO.concat();
    let until_closed = vec![head("200 OK", "connection: close"), hello.clone()];
    let early =
        vec![head("200 OK", &format!("content-length: {}", hello.len())), HELLO[..2].concat()];
    let mut malformed = in_chunks(&HELLO[..2], "nonsense\r\n");
    malformed.push("more".into());
    vec![
        ("a length", exact(&hello), None, "Hello"),
        ("chunks", in_chunks(&HELLO, "0\r\n\r\n"), None, "Hello"),
        ("trailers", in_chunks(&HELLO, "0\r\nx-checksum: 1\r\n\r\n"), None, "Hello"),
        ("until the connection is closed", until_closed, None, "Hello"),
        ("chunks, closed after the mark", in_chunks(&HELLO, ""), None, "Hello"),
        ("chunks that end early", in_chunks(&HELLO[..2], "0\r\n\r\n"), Some(Truncated), "Hel"),
        ("closed midway", in_chunks(&HELLO[..2], ""), Some(Transport), "Hel"),
        ("a length that is not reached", early, Some(Transport), "Hel"),
        ("a malformed chunk", malformed, Some(Transport), "Hel"),
        ("no content", vec![head("204 No Content", "x-a: b")], Some(Truncated), ""),
        ("an error", vec![head("429 Slow", "content-length: 2"), "{}".into()], Some(Provider), ""),
        ("an empty error", vec![head("500 No", "content-length: 0")], Some(Provider), ""),
    ]
}

#[test]
fn socket_answers_end_with_the_expected_terminal() {
    on_each_runtime(|| async {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            for (what, answer, kind, text) in answers() {
                println!("{what} to {version:?}");
                let peers = Peers::new(raw(answer).await).await;
                let broken = what.contains("after the mark") || kind == Some(Transport);
                let Some(response) = peers.try_post(version, PROMPT).await else {
                    assert!(broken, "{what}");
                    peers.ended(kind).await;
                    continue;
                };
                let mut body = response.into_body();
                let mut bytes = Vec::new();
                let error = loop {
                    match body.frame().await {
                        Some(Ok(frame)) => bytes.extend(frame.into_data().unwrap_or_default()),
                        Some(Err(_)) => break true,
                        None => break false,
                    }
                };
                // The client has the last frame, so awaited handlers have received the terminal.
                assert_eq!(error, broken, "{what}");
                assert!(HELLO.concat().as_bytes().starts_with(&bytes) || bytes == b"{}", "{what}");
                peers.ended_by_now(kind, text);
            }
        }
    });
}

/// The body of a request that is broken or malformed on the socket is the client's failure, not the upstream's.
#[test]
fn a_client_with_a_broken_upload_is_told_apart_from_the_upstream() {
    on_each_runtime(|| async {
        let head = "POST /v1/messages HTTP/1.1\r\nhost: a\r\n";
        for (what, framing, body, kind) in [
            ("a length", "content-length: 500", "{\"model\":", Cancelled),
            ("chunks", "transfer-encoding: chunked", "5\r\n{\"mod\r\n", Cancelled),
            ("half a chunk", "transfer-encoding: chunked", "50\r\n{\"mod", Cancelled),
            ("a malformed size", "transfer-encoding: chunked", "5\r\n{\"mod\r\nzz\r\n", Invalid),
            ("no end of a chunk", "transfer-encoding: chunked", "5\r\n{\"modXX5\r\n", Invalid),
            ("a negative size", "transfer-encoding: chunked", "-1\r\n", Invalid),
        ] {
            println!("{what}");
            let (address, _gone) = peers::hanging(exact(&HELLO.concat())).await;
            let peers = Peers::new(address).await;
            let mut socket = peers.connect().await;
            let sent = format!("{head}{framing}\r\n\r\n{body}");
            socket.write_all(sent.as_bytes()).await.unwrap();
            socket.shutdown().await.unwrap();
            let mut answer = String::new();
            let _ = socket.read_to_string(&mut answer).await;
            peers.ended(Some(kind)).await;
        }
    });
}

#[test]
fn trailers_reach_the_client() {
    on_each_runtime(|| async {
        let answer = in_chunks(&HELLO, "0\r\nx-checksum: 1\r\n\r\n");
        let peers = Peers::new(raw(answer).await).await;
        let collected = peers.post(Version::HTTP_2, PROMPT).await.into_body().collect().await;
        let collected = collected.unwrap();
        assert_eq!(collected.trailers().unwrap()["x-checksum"], "1");
        assert_eq!(collected.to_bytes(), HELLO.concat());
        peers.ended_by_now(None, "Hello");
    });
}

/// The connection is reset in the middle of the answer.
#[test]
fn a_reset_upstream_ends_in_a_transport_error() {
    on_each_runtime(|| async {
        let peers = Peers::new(peers::resetting(in_chunks(&HELLO[..2], "")).await).await;
        let mut body = peers.post(Version::HTTP_11, PROMPT).await.into_body();
        while let Some(Ok(_)) = body.frame().await {}
        peers.ended(Some(Transport)).await;
    });
}

#[test]
fn a_refused_upstream_ends_in_a_transport_error() {
    on_each_runtime(|| async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let peers = Peers::new(address).await;
        let response = peers.post(Version::HTTP_11, PROMPT).await;
        assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
        response.into_body().collect().await.unwrap();
        peers.ended(Some(Transport)).await;
    });
}

/// A client that disconnects midway closes the upstream's connection.
#[test]
fn a_client_disconnect_midway_ends_cancelled() {
    on_each_runtime(|| async {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let (address, gone) = peers::endless(text_event("a")).await;
            let peers = Peers::new(address).await;
            let mut body = peers.post(version, PROMPT).await.into_body();
            for _ in 0..3 {
                body.frame().await.unwrap().unwrap();
            }
            drop(body);
            gone.await.expect("the upstream's connection is closed");
            peers.ended(Some(Cancelled)).await;
        }
    });
}

/// Clients may close after the end mark, without waiting for the end of the body.
#[test]
fn a_client_disconnect_after_the_end_mark_ends_completed() {
    on_each_runtime(|| async {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let (address, gone) = peers::hanging(in_chunks(&HELLO, "")).await;
            let peers = Peers::new(address).await;
            let mut body = peers.post(version, PROMPT).await.into_body();
            let mut seen = Vec::new();
            while !seen.ends_with(STOP.as_bytes()) {
                seen.extend(body.frame().await.unwrap().unwrap().into_data().unwrap());
            }
            drop(body);
            gone.await.expect("the upstream's connection is closed");
            peers.ended(None).await;
        }
    });
}

#[test]
fn a_request_that_expects_100_continue() {
    on_each_runtime(|| async {
        let peers = Peers::new(raw(exact(&HELLO.concat())).await).await;
        let mut socket = peers.connect().await;
        let head = format!(
            "POST /v1/messages HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            PROMPT.len()
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut interim = [0; 25];
        socket.read_exact(&mut interim).await.unwrap();
        assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
        socket.write_all(PROMPT.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with(&HELLO.concat()), "{answer}");
        peers.ended_by_now(None, "Hello");
    });
}

/// An exact length and chunked framing are kept on the wire.
#[test]
fn the_framing_on_the_wire_is_unchanged() {
    on_each_runtime(|| async {
        let hello = HELLO.concat();
        for (answer, length) in
            [(exact(&hello), Some(hello.len())), (in_chunks(&HELLO, "0\r\n\r\n"), None)]
        {
            let peers = Peers::new(raw(answer).await).await;
            let response = peers.post(Version::HTTP_11, PROMPT).await;
            let declared = response.headers().get("content-length");
            let declared = declared.map(|length| length.to_str().unwrap().parse().unwrap());
            assert_eq!(declared, length);
            assert_eq!(response.headers().contains_key("transfer-encoding"), length.is_none());
            response.into_body().collect().await.unwrap();
            peers.ended_by_now(None, "Hello");
        }
    });
}

/// HEAD responses declare a length but have no body.
#[test]
fn a_head_request_to_a_routed_path_is_not_a_call() {
    on_each_runtime(|| async {
        let answer = vec![head("200 OK", &format!("content-length: {}", WHOLE.len()))];
        let peers = Peers::new(raw(answer).await).await;
        let request = Request::builder().method(Method::HEAD).uri(peers.url("/routed"));
        let request = request.body(Full::<Bytes>::default()).unwrap();
        let response = peers.send(request).await;
        assert_eq!(response.headers()["content-length"], WHOLE.len().to_string());
        assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
        peers.nothing().await;
    });
}

#[test]
fn an_upgrade_passes_through() {
    on_each_runtime(|| async {
        let peers = Peers::new(raw(vec![]).await).await;
        let request = Request::get(peers.url("/socket"))
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .body(Full::<Bytes>::default())
            .unwrap();
        let mut response = peers.send(request).await;
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        let upgraded = hyper::upgrade::on(&mut response).await.unwrap();
        let mut socket = hyper_util::rt::TokioIo::new(upgraded);
        socket.write_all(b"ping").await.unwrap();
        let mut echo = [0; 4];
        socket.read_exact(&mut echo).await.unwrap();
        assert_eq!(&echo, b"ping");
        peers.nothing().await;
    });
}
