//! Helpers of the HTTP tests: scripted bodies, services that answer with them, and an Anthropic answer to cut
//! into pieces.

use std::{
    collections::VecDeque,
    fmt,
    future::{Ready, ready},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use tower::{BoxError, Layer, Service};
use tower_llm_callbacks::HttpCallbackLayer;

/// One step of a [`Scripted`] body.
#[derive(Debug, Clone)]
pub enum Step {
    Data(Bytes),
    Trailers(HeaderMap),
    /// Yields an error.
    Fail,
    /// Pending, but wakes the task at once.
    Wait,
    /// Pending for ever.
    Hang,
    Panic,
}

pub fn data(bytes: impl Into<Bytes>) -> Step {
    Step::Data(bytes.into())
}

pub fn trailers() -> Step {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-checksum", "1".parse().unwrap());
    Step::Trailers(trailers)
}

/// The error of a scripted body.
#[derive(Debug, PartialEq, Eq)]
pub struct Reset(pub u32);

impl fmt::Display for Reset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the peer reset the stream")
    }
}

impl std::error::Error for Reset {}

/// Counts the live bodies.
#[derive(Debug, Clone, Default)]
pub struct Alive(Arc<()>);

impl Alive {
    pub fn count(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

/// A body that plays a list of steps.
#[derive(Debug, Clone)]
pub struct Scripted {
    steps: VecDeque<Step>,
    /// Remaining bytes, if `size_hint` is exact.
    length: Option<u64>,
    /// `is_end_stream` is true as soon as the last frame is out.
    knows_end: bool,
    polls: Arc<Mutex<usize>>,
    alive: Alive,
}

impl Scripted {
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            steps: steps.into_iter().collect(),
            length: None,
            knows_end: false,
            polls: Arc::default(),
            alive: Alive::default(),
        }
    }

    pub fn chunks<T: Into<Bytes>>(chunks: impl IntoIterator<Item = T>) -> Self {
        Self::new(chunks.into_iter().map(data))
    }

    /// Makes `size_hint` exact.
    pub fn exact(mut self) -> Self {
        let lengths = self.steps.iter().map(|step| match step {
            Step::Data(data) => data.len() as u64,
            _ => 0,
        });
        self.length = Some(lengths.sum());
        self
    }

    /// Makes `is_end_stream` true as soon as the last frame is out.
    pub fn knows_end(mut self) -> Self {
        self.knows_end = true;
        self
    }

    pub fn alive(mut self, alive: &Alive) -> Self {
        self.alive = alive.clone();
        self
    }

    /// Counts the polls.
    pub fn counted(mut self, polls: &Arc<Mutex<usize>>) -> Self {
        self.polls = Arc::clone(polls);
        self
    }
}

impl Body for Scripted {
    type Data = Bytes;
    type Error = Reset;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Reset>>> {
        *self.polls.lock().unwrap() += 1;
        Poll::Ready(match self.steps.pop_front() {
            None => None,
            Some(Step::Data(data)) => {
                self.length = self.length.map(|left| left - data.len() as u64);
                Some(Ok(Frame::data(data)))
            }
            Some(Step::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Some(Step::Fail) => Some(Err(Reset(7))),
            Some(Step::Wait) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some(Step::Hang) => {
                self.steps.push_front(Step::Hang);
                return Poll::Pending;
            }
            Some(Step::Panic) => panic!("scripted: the body panics"),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.knows_end && self.steps.iter().all(|step| matches!(step, Step::Wait))
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// An answer in Server-Sent Events, one event per piece: `Hel`, `lo`, and the end mark.
pub const HELLO: [&str; 5] = [
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"claude\",\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hel\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"lo\"}}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\n",
    STOP,
];

pub const STOP: &str = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

/// The same answer as one JSON document.
pub const WHOLE: &str = r#"{"type":"message","id":"msg_1","model":"claude","content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":2}}"#;

/// An event with a text delta.
pub fn text_event(text: &str) -> String {
    let delta = serde_json::json!({
        "type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text},
    });
    format!("event: content_block_delta\ndata: {delta}\n\n")
}

pub fn event_stream<B>(body: B) -> Response<B> {
    Response::builder().header("content-type", "text/event-stream").body(body).unwrap()
}

pub fn json<B>(status: u16, body: B) -> Response<B> {
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header("content-type", "application/json")
        .body(body)
        .unwrap()
}

pub const PROMPT: &str = r#"{"model":"claude","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"Hi"}]}"#;

/// An LLM call.
pub fn post<B>(body: B) -> Request<B> {
    let request = Request::post("/v1/messages").header("content-type", "application/json");
    request.body(body).unwrap()
}

pub fn prompt() -> Request<Full<Bytes>> {
    post(Full::from(PROMPT))
}

/// A service that answers every request at once.
#[derive(Debug, Clone)]
pub struct Upstream<F>(pub F);

impl<F, B, A> Service<Request<B>> for Upstream<F>
where
    F: Fn() -> Response<A>,
{
    type Response = Response<A>;
    type Error = BoxError;
    type Future = Ready<Result<Response<A>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        ready(Ok(self.0()))
    }
}

/// Calls an upstream that returns this answer.
pub async fn answered<A>(
    layer: &HttpCallbackLayer,
    answer: impl Fn() -> Response<A> + Clone,
) -> Response<tower_llm_callbacks::http_layer::ResponseBody<A>>
where
    A: Body,
    A::Error: Into<BoxError>,
{
    layer.layer(Upstream(answer)).oneshot(prompt()).await.unwrap()
}

/// Reads a body to its end. Returns its bytes and the error that ended it.
pub async fn read<B: Body + Unpin>(mut body: B) -> (Vec<u8>, Option<B::Error>) {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => {
                use bytes::Buf;
                let mut data = data;
                bytes.extend_from_slice(&data.copy_to_bytes(data.remaining()));
            }
            Ok(Err(_trailers)) => {}
            Err(error) => return (bytes, Some(error)),
        }
    }
    (bytes, None)
}
