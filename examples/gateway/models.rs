use std::{cell::RefCell, convert::Infallible, sync::Arc};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, Method, Request, Response, Uri, request::Parts},
};
use futures::stream;
use tower::{Layer, service_fn};
use tower_llm_callbacks::{
    Callbacks, ContentCapture, HttpCallbackLayer, LlmStart, Run,
    handler::on_llm_start,
    wire::{
        Format, LlmHttpRequest,
        bedrock::{BedrockConverse, BedrockInvoke},
        gemini::Gemini,
        openai_chat::OpenAiChat,
    },
};

use crate::{config::Settings, uploads::LONGEST};

/// Reads which model a request asks for, as the crate reads it for the events of the call: the upstream that gets a call is
/// that of the model that its record has.
pub(crate) struct Models {
    /// Knows the formats of calls. Nothing is behind it.
    calls: HttpCallbackLayer,
    /// Reads all other requests by their member `model`.
    others: HttpCallbackLayer,
    has_routes: bool,
}

impl Models {
    pub(crate) fn new(settings: &Settings) -> Self {
        let layer = HttpCallbackLayer::new(Callbacks::new().inline(on_llm_start(found)))
            .content(ContentCapture::Off)
            .max_request_bytes(LONGEST)
            // What is kept is counted where it is kept.
            .max_kept_bytes(usize::MAX);
        let others = layer.clone().route("*", OpenAiChat);
        let calls = settings.routes.iter().fold(layer, |layer, route| route.add_to(layer));
        Self { calls, others, has_routes: !settings.routes.is_empty() }
    }

    /// Returns the model that the path of a request names, if its body cannot name another one.
    pub(crate) fn in_path(&self, method: &Method, uri: &Uri) -> Option<Arc<str>> {
        const FORMATS: [&dyn Format; 3] = [&Gemini, &BedrockConverse, &BedrockInvoke];
        if self.has_routes {
            return None;
        }
        let (headers, body) = (HeaderMap::new(), Bytes::new());
        let request = LlmHttpRequest::new(method, uri, &headers, &body);
        let path = request.path();
        let format = FORMATS.into_iter().find(|format| format.matches(method, &path));
        match format {
            Some(format) => format.start(&request).model,
            None => before_verb(&path),
        }
    }

    /// Returns the model of a request whose body is in pieces, as they arrived.
    pub(crate) async fn of(&self, head: &Parts, pieces: &[Bytes]) -> Option<Arc<str>> {
        match read(&self.calls, head, pieces).await {
            Some(model) => model,
            // No call, such as one that counts tokens.
            None => read(&self.others, head, pieces).await.flatten(),
        }
    }
}

tokio::task_local! {
    /// Where the handler of the layers leaves the model of a call: it is called in the task that makes the call.
    static FOUND: RefCell<Option<Option<Arc<str>>>>;
}

fn found(_: &Run, call: &LlmStart) {
    let _ = FOUND.try_with(|found| *found.borrow_mut() = Some(call.model.clone()));
}

/// Returns the model of a call. `None` if the request is none of the layer's calls.
async fn read(
    layer: &HttpCallbackLayer,
    head: &Parts,
    pieces: &[Bytes],
) -> Option<Option<Arc<str>>> {
    let pieces: Vec<_> = pieces.iter().cloned().map(Ok::<_, Infallible>).collect();
    let mut request = Request::new(Body::from_stream(stream::iter(pieces)));
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = head.uri.clone();
    *request.headers_mut() = head.headers.clone();
    let nothing =
        service_fn(async |_: Request<_>| Ok::<_, Infallible>(Response::new(Body::empty())));
    let call = async {
        let _ = layer.layer(nothing).oneshot(request).await;
        FOUND.with(RefCell::take)
    };
    FOUND.scope(RefCell::default(), call).await
}

/// Returns the model of paths such as `/v1/models/NAME:countTokens` and `/model/NAME/count-tokens`.
fn before_verb(path: &str) -> Option<Arc<str>> {
    let (_, rest) = path.split_once("/models/").or_else(|| path.split_once("/model/"))?;
    let (name, _) = rest.rsplit_once(':').or_else(|| rest.split_once('/'))?;
    Some(name.into())
}
