use std::sync::Arc;

use http::{HeaderMap, HeaderName, Response, header};
use http_body::Body;
use tower::BoxError;

use super::{body::read_bounded, stream::BodyStream};
use crate::{
    chat::{ChatStream, ModelError},
    wire::Format,
};

const JSON: &str = "application/json";

/// How the answers of a provider's interface are read: what models differ in once a request is sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answers {
    /// What decodes answers, and reads errors.
    pub(super) format: &'static dyn Format,
    /// The header with the provider's id of the request, in lower case.
    pub(super) request_id: &'static str,
}

impl Answers {
    /// The chunks of a successful answer.
    ///
    /// The content type says whether it is streamed, and the request does where there is none that
    /// helps: some servers leave it out, or give a wrong one, and still answer as asked.
    pub(super) fn stream<B>(
        self,
        response: Response<B>,
        asked_for_stream: bool,
    ) -> Result<ChatStream, ModelError>
    where
        B: Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (parts, body) = response.into_parts();
        let header =
            |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let encoding = header(header::CONTENT_ENCODING).unwrap_or("identity");
        if !encoding.trim().eq_ignore_ascii_case("identity") {
            let what = "the answer is compressed: put a layer that decompresses below the model";
            return Err(ModelError::Transport(what.into()));
        }
        let kind = header(header::CONTENT_TYPE).and_then(|kind| kind.split(';').next());
        let kind = kind.map(|kind| kind.trim().to_ascii_lowercase());
        let is_whole = match kind.as_deref() {
            Some(JSON) => true,
            Some("text/event-stream") => false,
            _ => !asked_for_stream,
        };
        let decoder = self.format.decoder(is_whole.then_some(JSON));
        let id = self.request_id(&parts.headers).map(Arc::from);
        Ok(ChatStream::new(BodyStream::new(body, decoder, id)))
    }

    /// The error of an answer that is none.
    pub(super) async fn error<B: Body>(self, response: Response<B>) -> ModelError {
        let (parts, body) = response.into_parts();
        let body = read_bounded(body).await;
        let error = self.format.error(parts.status, &body);
        ModelError::Provider(match self.request_id(&parts.headers) {
            Some(id) => error.request_id(id),
            None => error,
        })
    }

    fn request_id(self, headers: &HeaderMap) -> Option<&str> {
        headers.get(self.request_id).and_then(|id| id.to_str().ok())
    }
}
