use std::sync::Arc;

use http::{HeaderMap, HeaderName, Response, header};
use http_body::Body;
use tower::BoxError;

use super::{read_bounded::read_bounded, stream::BodyStream};
use crate::{
    chat::{ChatStream, ModelError},
    wire::Format,
};

const JSON: &str = "application/json";

/// Reads the responses of a provider's API.
#[expect(unnameable_types, reason = "the traits of models are sealed")]
#[derive(Debug, Clone, Copy)]
pub struct ResponseReader {
    /// Decodes answers and reads errors.
    pub(super) format: &'static dyn Format,
    /// The header with the provider's id of the request, in lower case.
    pub(super) request_id: &'static str,
}

impl ResponseReader {
    /// Returns the chunks of a successful response.
    ///
    /// The content type determines whether the answer is streamed. If it is absent or of another kind, as some
    /// servers send it, the request does.
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
            let message = format!(
                "the response has content-encoding {encoding:?}: add a decompression layer below the model"
            );
            return Err(ModelError::Transport(message.into()));
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

    /// Reads the error of an unsuccessful response.
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
