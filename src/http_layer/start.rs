use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};

use super::inflate::Inflate;
use crate::{
    event::{HttpRequestInfo, LlmStart},
    redact,
    wire::{Format, LlmHttpRequest},
};

/// The request of a call, as far as its start tells of it.
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: Bytes,
    /// Whether that is all of the body.
    pub(super) complete: bool,
}

/// What a call asks for. `limit` is how many bytes a compressed body may inflate to.
pub(super) fn start(format: &dyn Format, asked: Asked<'_>, limit: usize) -> LlmStart {
    let Asked { method, uri, headers, body, complete } = asked;
    let (body, inflated) = inflated(headers, body, limit);
    let complete = complete && inflated;
    let call = LlmHttpRequest::new(method, uri, headers, &body).complete(complete);
    // A format may be anyone's, and must not cost the call.
    let start = catch_unwind(AssertUnwindSafe(|| format.start(&call)));
    let mut start = start.unwrap_or_else(|_| {
        tracing::error!(?format, "a wire format panicked on a request");
        LlmStart::new("unknown", "unknown")
    });
    start.http = Some(Box::new(HttpRequestInfo::new(
        method.to_string(),
        redact::target(uri),
        redact::recorded(headers),
        complete,
    )));
    start
}

/// A body inflated, and whether all of it could be.
fn inflated(headers: &HeaderMap, body: Bytes, limit: usize) -> (Bytes, bool) {
    let Some(mut inflate) = Inflate::of(headers).map(|it| it.at_most(limit)) else {
        return (Bytes::new(), false);
    };
    if inflate.is_identity() {
        return (body, true);
    }
    let mut plain = Vec::new();
    let result = inflate.push(&body, &mut |bytes| plain.extend_from_slice(bytes));
    (plain.into(), result.is_ok() && inflate.has_ended())
}
