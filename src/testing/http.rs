use std::{
    collections::VecDeque,
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::Frame;
use tower::{BoxError, Service};

use super::{
    Script,
    encoder::Encoder,
    model::next_script,
    stream::{Live, Player},
};
use crate::event::ProviderError;

/// An HTTP service that plays [`Script`]s in the wire format of the API that a request calls: Anthropic's Messages, OpenAI's
/// Chat Completions and Responses, Gemini, Ollama. For tests of an HTTP stack of one's own: clients, layers, gateways.
///
/// Whether the answer is streamed is up to the request. An error before the response is an error response, with the status of
/// the error or 500; an error in the stream is one in the format's own form, or breaks the body off. Other paths get 404.
/// Each call takes the next script; all further calls take the last one. Clones share the scripts and the counts.
///
/// ```
/// use tower::Layer;
/// use tower_llm_callbacks::{chat::ChatRequest, model::anthropic::{AnthropicConfig, AnthropicLayer}, testing::{Script, ScriptedHttp}};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), tower::BoxError> {
/// let http = ScriptedHttp::new(Script::answer(["Hel", "lo"]));
/// let model = AnthropicLayer::new(AnthropicConfig::new("key")).layer(http.clone());
/// let answer = model.oneshot(ChatRequest::new("any").user("Hi")).await?;
/// assert_eq!(answer.collect_result().await?.text(), "Hello");
/// assert_eq!(http.requests()[0]["messages"][0]["content"], "Hi");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct ScriptedHttp(Arc<State>);

#[derive(Debug)]
struct State {
    scripts: Mutex<VecDeque<Script>>,
    requests: Mutex<Vec<serde_json::Value>>,
    live: Arc<AtomicUsize>,
}

impl ScriptedHttp {
    /// Creates a service that plays one script, or the scripts of an array or vector one after the other.
    pub fn new(scripts: impl Into<Vec<Script>>) -> Self {
        Self(Arc::new(State {
            scripts: Mutex::new(scripts.into().into()),
            requests: Mutex::default(),
            live: Arc::default(),
        }))
    }

    /// Returns the JSON bodies of the requests so far. Null if a body is no JSON.
    pub fn requests(&self) -> Vec<serde_json::Value> {
        crate::sync::lock(&self.0.requests).clone()
    }

    /// Returns how many calls are alive: futures and bodies that have not been dropped.
    pub fn live(&self) -> usize {
        self.0.live.load(Ordering::SeqCst)
    }
}

impl<B> Service<Request<B>> for ScriptedHttp
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<ScriptedBody>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<ScriptedBody>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let state = Arc::clone(&self.0);
        let live = Live::new(&state.live);
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = read(body).await?;
            let json = serde_json::from_slice(&body).unwrap_or_default();
            let encoder = Encoder::of(parts.uri.path(), &json);
            crate::sync::lock(&state.requests).push(json);
            let Some(encoder) = encoder else {
                let message = format!("`ScriptedHttp` has no endpoint {}", parts.uri.path());
                return Ok(respond(StatusCode::NOT_FOUND, ScriptedBody::whole(message.into())));
            };
            let (before, stream) = next_script(&state.scripts).split();
            let mut player = Player::new(before, live);
            while let Some(step) = poll_fn(|cx| player.poll(cx)).await {
                let Err(error) = step else { continue };
                let Some(error) = error.downcast_ref::<ProviderError>() else { return Err(error) };
                let status = error.status.and_then(|status| StatusCode::from_u16(status).ok());
                let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let mut response = respond(status, ScriptedBody::whole(encoder.error(error)));
                if let Some(wait) = error.retry_after {
                    let seconds = wait.as_secs_f64().ceil().to_string();
                    let seconds = HeaderValue::from_str(&seconds).expect("a number is a value");
                    response.headers_mut().insert(header::RETRY_AFTER, seconds);
                }
                return Ok(response);
            }
            let content_type = encoder.content_type();
            let body = ScriptedBody(Source::Script {
                player: player.then(stream),
                encoder: Box::new(encoder),
            });
            let mut response = respond(StatusCode::OK, body);
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
            Ok(response)
        })
    }
}

fn respond(status: StatusCode, body: ScriptedBody) -> Response<ScriptedBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

async fn read<B>(body: B) -> Result<Vec<u8>, BoxError>
where
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    let (mut body, mut bytes) = (pin!(body), Vec::new());
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        if let Ok(mut data) = frame.map_err(Into::into)?.into_data() {
            bytes.extend_from_slice(&data.copy_to_bytes(data.remaining()));
        }
    }
    Ok(bytes)
}

/// The response body of a [`ScriptedHttp`].
pub struct ScriptedBody(Source);

enum Source {
    Whole(Option<Bytes>),
    Script { player: Player, encoder: Box<Encoder> },
}

impl ScriptedBody {
    fn whole(bytes: Bytes) -> Self {
        Self(Source::Whole(Some(bytes)))
    }
}

impl http_body::Body for ScriptedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            let (player, encoder) = match &mut self.0 {
                Source::Whole(bytes) => {
                    return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))));
                }
                Source::Script { player, encoder } => (player, encoder),
            };
            let bytes = match ready!(player.poll(cx)) {
                Some(Ok(chunk)) => encoder.chunk(&chunk),
                Some(Err(error)) => match error.downcast_ref::<ProviderError>() {
                    Some(error) => {
                        let bytes = encoder.in_band(error);
                        self.0 = Source::Whole(Some(bytes));
                        continue;
                    }
                    None => {
                        self.0 = Source::Whole(None);
                        return Poll::Ready(Some(Err(error)));
                    }
                },
                None => {
                    let bytes = encoder.end();
                    self.0 = Source::Whole(Some(bytes).filter(|bytes| !bytes.is_empty()));
                    continue;
                }
            };
            if !bytes.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
        }
    }
}

impl fmt::Debug for ScriptedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedBody").finish_non_exhaustive()
    }
}
