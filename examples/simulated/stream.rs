use std::convert::Infallible;

use axum::{
    Json,
    body::{Body, Bytes},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures::{StreamExt, stream};
use serde_json::Value;

use super::model::{Answer, Fault};

/// A streamed answer: what comes before the tokens, the tokens, what comes after them, and what comes
/// instead of the second half where it is to fail.
pub(crate) struct Script<T> {
    pub(crate) begin: Vec<Bytes>,
    pub(crate) tokens: T,
    pub(crate) end: Vec<Bytes>,
    pub(crate) error: Vec<Bytes>,
}

impl<T> Script<T>
where
    T: Iterator<Item = Bytes> + Send + 'static,
{
    /// Plays it from an event on, token by token.
    pub(crate) fn play(self, answer: &Answer, content_type: &'static str, from: usize) -> Response {
        let half = answer.tokens / 2;
        let (tokens, last) = match answer.fault {
            None | Some(Fault::Status(_)) => (usize::MAX, self.end),
            Some(Fault::Midstream) => (half, self.error),
            Some(Fault::Truncated) => (half, Vec::new()),
        };
        let pause = answer.pause;
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

/// An answer in one piece, which takes as long.
pub(crate) async fn whole(answer: &Answer, body: Value) -> Response {
    let tokens = u32::try_from(answer.tokens).unwrap_or(u32::MAX);
    tokio::time::sleep(answer.pause.saturating_mul(tokens)).await;
    Json(body).into_response()
}

pub(crate) const SSE: &str = "text/event-stream; charset=utf-8";

/// An event without a name.
pub(crate) fn data(data: &Value) -> Bytes {
    format!("data: {data}\n\n").into()
}

/// An event whose name is its data's `type`.
pub(crate) fn event(data: &Value) -> Bytes {
    let name = data["type"].as_str().unwrap_or_default();
    format!("event: {name}\ndata: {data}\n\n").into()
}
