use axum::{body::Body, extract::Request};
use futures::{StreamExt, stream};
use http_body_util::{BodyStream, StreamBody};
use hyper::body::Frame;
use serde::Deserialize;

/// How much of a body is read for its model.
const LONGEST: usize = 16 << 20;

/// The members of a body that matter here.
#[derive(Deserialize)]
struct ModelOnly {
    model: Option<String>,
}

/// Returns the model that a request asks for, by its path or its body, and the request with the same body.
///
/// This waits for the body, outside the layer: the provider of a call has to be known before its run starts.
pub(crate) async fn requested_model(request: Request) -> (Option<String>, Request) {
    if let Some(model) = model_in_path(request.uri().path()) {
        return (Some(model), request);
    }
    let (head, body) = request.into_parts();
    let (mut frames, mut rest) = (Vec::new(), BodyStream::new(body).fuse());
    let (mut text, mut is_whole) = (Vec::new(), false);
    while text.len() <= LONGEST {
        let Some(frame) = rest.next().await else {
            is_whole = true;
            break;
        };
        if let Ok(data) = frame.as_ref().map(Frame::data_ref) {
            text.extend_from_slice(data.map_or(&[][..], |data| &data[..]));
        }
        let has_failed = frame.is_err();
        frames.push(frame);
        if has_failed {
            break;
        }
    }
    let model = is_whole.then(|| serde_json::from_slice::<ModelOnly>(&text).ok()?.model).flatten();
    // What was read, or how it failed, and then what was not.
    let body = Body::new(StreamBody::new(stream::iter(frames).chain(rest)));
    (model, Request::from_parts(head, body))
}

/// Returns the model of paths such as `/v1beta/models/NAME:generateContent` and `/model/NAME/converse`.
fn model_in_path(path: &str) -> Option<String> {
    let mut segments = path.split('/');
    let _ = segments.find(|segment| matches!(*segment, "model" | "models"))?;
    let name = segments.next()?;
    let (name, has_verb) = match name.rsplit_once(':') {
        Some((name, _)) => (name, true),
        None => (name, segments.next().is_some()),
    };
    has_verb.then(|| name.replace("%3A", ":").replace("%2F", "/"))
}
