use http::{HeaderMap, StatusCode};
use serde_json::json;

use crate::{
    event::ProviderError,
    wire::{LlmHttpResponse, error::of_response},
};

/// Reads an error response. Its kind is in a header, as in all JSON protocols of AWS, or in the body.
pub(super) fn read(response: &LlmHttpResponse<'_>, body: &[u8]) -> ProviderError {
    let mut error = of_response(response.status, body);
    let kind = header(response.headers, "x-amzn-errortype").or(error.code.as_deref());
    // `ValidationException:http://…`, `com.amazon.coral.service#UnknownOperationException`.
    let kind = kind.and_then(|kind| kind.split(':').next()?.rsplit('#').next());
    error.code = kind.filter(|kind| !kind.is_empty()).map(Into::into);
    if error.request_id.is_none() {
        error.request_id = request_id(response.headers).map(Into::into);
    }
    error
}

/// Returns the id of a request.
pub(super) fn request_id(headers: &HeaderMap) -> Option<&str> {
    header(headers, "x-amzn-requestid")
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().filter(|value| !value.is_empty())
}

/// Returns the body of an error response. SDKs read the kind also from the body.
pub(super) fn body(status: StatusCode, message: &str) -> Vec<u8> {
    // After "Common errors" and the errors of `Converse` in the API reference.
    let kind = match status.as_u16() {
        401 | 403 => "AccessDeniedException",
        404 => "ResourceNotFoundException",
        408 => "ModelTimeoutException",
        424 => "ModelErrorException",
        429 => "ThrottlingException",
        400..=499 => "ValidationException",
        503 => "ServiceUnavailableException",
        _ => "InternalServerException",
    };
    json!({"__type": kind, "message": message}).to_string().into_bytes()
}
