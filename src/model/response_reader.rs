use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Response, header};
use http_body::Body;
use http_body_util::BodyExt;
use tower::BoxError;

use super::{read_bounded::read_bounded, stream::BodyStream};
use crate::{
    chat::{ChatStream, ModelError},
    event::{Delta, LlmStart},
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
        asked: &LlmStart,
    ) -> Result<ChatStream, ModelError>
    where
        B: Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (parts, body) = response.into_parts();
        check_coding(&parts.headers)?;
        let response =
            LlmHttpResponse::new(parts.status, &parts.headers).request(asked).native(true);
        let decoder = self.format.decoder(&response);
        let id = self.request_id(&parts.headers).map(Arc::from);
        Ok(ChatStream::new(BodyStream::new(body, decoder, id)))
    }

    /// Reads the successful response of a call that is not streamed. Returns what events are made of, and the body.
    pub(super) async fn whole<B>(
        self,
        response: Response<B>,
        asked: &LlmStart,
    ) -> Result<(Vec<Delta<'static>>, Bytes), ModelError>
    where
        B: Body,
        B::Error: Into<BoxError>,
    {
        let (parts, body) = response.into_parts();
        check_coding(&parts.headers)?;
        let body = body.collect().await;
        let body = body.map_err(|error| ModelError::Transport(error.into()))?.to_bytes();
        let response = LlmHttpResponse::new(parts.status, &parts.headers).request(asked);
        let mut decoder = self.format.decoder(&response);
        let (mut facts, mut error, mut complete) = (Vec::new(), None, false);
        let mut each = |delta: Delta<'_>| match delta {
            Delta::Error(reported) => error = Some(reported),
            Delta::Done => complete = true,
            Delta::NotStreamed => {}
            delta => facts.push(delta.into_owned()),
        };
        decoder.push(&body, &mut each);
        decoder.finish(&mut each);
        match error {
            Some(mut error) => {
                let id = self.request_id(&parts.headers).map(Arc::from);
                error.request_id = error.request_id.or(id);
                Err(ModelError::Provider(error))
            }
            None if complete => Ok((facts, body)),
            None => Err(ModelError::Truncated),
        }
    }

    /// Reads the error of an unsuccessful response.
    pub(super) async fn error<B: Body>(self, response: Response<B>) -> ModelError {
        let (parts, body) = response.into_parts();
        let body = read_bounded(body).await;
        let response = LlmHttpResponse::new(parts.status, &parts.headers);
        let mut error = self.format.error_response(&response, &body);
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

/// Refuses a coding that a layer below should have decoded.
fn check_coding(headers: &HeaderMap) -> Result<(), ModelError> {
    if content_codings(headers).all(|it| it == ContentCoding::Other) {
        return Ok(());
    }
    let encoding = headers.get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    let message = format!(
        "the response has content-encoding {:?}: add a decompression layer below the model",
        encoding.unwrap_or_default()
    );
    Err(ModelError::Transport(message.into()))
}
