use std::sync::Arc;

use http::{HeaderMap, HeaderName, Response, header};
use http_body::Body;
use tower::BoxError;

use super::{read_bounded::read_bounded, stream::BodyStream};
use crate::{
    chat::{ChatStream, ModelError},
    event::LlmStart,
    wire::{ContentCoding, Format, LlmHttpResponse, content_codings, retry_after},
};

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
    /// The body and its content type determine whether the answer is streamed, else the request does.
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
        let encoding = header(header::CONTENT_ENCODING).unwrap_or_default();
        if content_codings(&parts.headers).any(|it| it != ContentCoding::Other) {
            let message = format!(
                "the response has content-encoding {encoding:?}: add a decompression layer below the model"
            );
            return Err(ModelError::Transport(message.into()));
        }
        let request = LlmStart::new("", "").stream(asked_for_stream);
        let response =
            LlmHttpResponse::new(parts.status, &parts.headers).request(&request).native(true);
        let decoder = self.format.decoder(&response);
        let id = self.request_id(&parts.headers).map(Arc::from);
        Ok(ChatStream::new(BodyStream::new(body, decoder, id)))
    }

    /// Reads the error of an unsuccessful response.
    pub(super) async fn error<B: Body>(self, response: Response<B>) -> ModelError {
        let (parts, body) = response.into_parts();
        let body = read_bounded(body).await;
        let mut error = self.format.error(parts.status, &body);
        error.retry_after =
            retry_after::of_headers(parts.status, &parts.headers).or(error.retry_after);
        ModelError::Provider(match self.request_id(&parts.headers) {
            Some(id) => error.request_id(id),
            None => error,
        })
    }

    fn request_id(self, headers: &HeaderMap) -> Option<&str> {
        headers.get(self.request_id).and_then(|id| id.to_str().ok())
    }
}
