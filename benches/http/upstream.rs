//! A provider over TCP, in the same process.

use std::{
    convert::Infallible,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
    routing::post,
    serve::ListenerExt,
};
use bytes::Bytes;
use futures::{StreamExt, stream};
use http_body_util::BodyExt;
use std::net::SocketAddr;
use tokio::{net::TcpListener, sync::watch};

use crate::body::{anthropic, anthropic_token};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Returns the nanoseconds since the first call.
pub(crate) fn now() -> u64 {
    START.elapsed().as_nanos() as u64
}

/// The provider's reply.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Tokens without a pause, as soon as the gate opens.
    Stream { events: Arc<[Bytes]>, gate: watch::Receiver<bool> },
    /// Tokens at intervals. The text of each is the time at which it was sent.
    Paced { tokens: usize, interval: Duration },
    /// A short message.
    Short,
}

impl Reply {
    pub(crate) fn stream(tokens: usize, gate: watch::Receiver<bool>) -> Self {
        Self::Stream { events: anthropic(tokens).into_iter().map(Bytes::from).collect(), gate }
    }
}

/// Serves on a free port until the runtime shuts down.
pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).expect("no delay"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

pub(crate) async fn provider(reply: Reply) -> SocketAddr {
    serve(Router::new().route("/v1/messages", post(respond)).with_state(reply)).await
}

async fn respond(State(reply): State<Reply>, request: Request) -> Response {
    let mut body = request.into_body();
    while let Some(frame) = body.frame().await {
        std::hint::black_box(frame.expect("a request"));
    }
    let streamed = Response::builder().header("content-type", "text/event-stream");
    match reply {
        Reply::Stream { events, mut gate } => {
            let gate = async move { gate.wait_for(|open| *open).await.is_ok() };
            let events = (0..events.len()).map(move |event| Ok::<_, Infallible>(events[event].clone()));
            let events = stream::once(gate)
                .filter_map(|_| async { None })
                .chain(stream::iter(events));
            streamed.body(Body::from_stream(events))
        }
        Reply::Paced { tokens, interval } => streamed.body(paced(tokens, interval)),
        Reply::Short => Response::builder().header("content-type", "application/json").body(
            r#"{"type":"message","id":"msg_1","role":"assistant","model":"claude","content":[{"type":
               "text","text":"I see."}],"stop_reason":"end_turn","usage":{"input_tokens":250000,
               "output_tokens":3}}"#.into(),
        ),
    }
    .expect("a response")
}

fn paced(tokens: usize, interval: Duration) -> Body {
    // Streams tick at different times.
    let first = tokio::time::Instant::now() + interval.mul_f64((now() % 997) as f64 / 997.0);
    let ticks = tokio::time::interval_at(first, interval);
    Body::from_stream(stream::unfold((ticks, tokens), |(mut ticks, left)| async move {
        if left == 0 {
            return None;
        }
        ticks.tick().await;
        let event = Bytes::from(anthropic_token(&format!("{:020}", now())));
        Some((Ok::<_, Infallible>(event), (ticks, left - 1)))
    }))
}
