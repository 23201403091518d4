use std::convert::Infallible;

use axum::{
    Json,
    body::{Body, Bytes},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures::{StreamExt, stream};
use serde_json::Value;

use super::model::{Fault, Reply};

/// The events of a streamed reply.
pub(crate) struct EventScript<T> {
    pub(crate) begin: Vec<Bytes>,
    pub(crate) tokens: T,
    pub(crate) end: Vec<Bytes>,
    /// The events that replace the second half if the reply fails midway.
    pub(crate) error: Vec<Bytes>,
}

impl<T> EventScript<T>
where
    T: Iterator<Item = Bytes> + Send + 'static,
{
    /// Returns a response that streams the events from an index on.
    pub(crate) fn play(self, reply: &Reply, content_type: &'static str, from: usize) -> Response {
        let half = reply.tokens / 2;
        let (tokens, last) = match reply.fault {
            None | Some(Fault::Status(_)) => (usize::MAX, self.end),
            Some(Fault::Midstream) => (half, self.error),
            Some(Fault::Truncated) => (half, Vec::new()),
        };
        let pause = reply.pause;
        let begin = self.begin.into_iter().map(|event| (false, event));
        let tokens = self.tokens.take(tokens).map(|event| (true, event));
        let events = begin.chain(tokens).chain(last.into_iter().map(|event| (false, event)));
        let events = stream::iter(events.skip(from)).then(move |(is_token, event)| async move {
            if is_token {
                tokio::time::sleep(pause).await;
            }
            Ok::<_, Infallible>(event)
        });
        let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static(content_type))];
        (content_type, Body::from_stream(events)).into_response()
    }
}

/// Returns a response that is not streamed and takes the same time.
pub(crate) async fn whole(reply: &Reply, body: Value) -> Response {
    let tokens = u32::try_from(reply.tokens).unwrap_or(u32::MAX);
    tokio::time::sleep(reply.pause.saturating_mul(tokens)).await;
    Json(body).into_response()
}

pub(crate) const SSE: &str = "text/event-stream; charset=utf-8";

/// Formats an event without a name.
pub(crate) fn data(data: &Value) -> Bytes {
    format!("data: {data}\n\n").into()
}

/// Formats an event whose name is the `type` of its data.
pub(crate) fn event(data: &Value) -> Bytes {
    let name = data["type"].as_str().unwrap_or_default();
    format!("event: {name}\ndata: {data}\n\n").into()
}
