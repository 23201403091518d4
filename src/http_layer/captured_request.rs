use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, request::Parts};
use http_body::Body;

use super::{budget::Kept, capture::Capture, inflate::Inflate};
use crate::{
    event::{HttpRequestInfo, LlmStart},
    panics::catch,
    redact,
    wire::{Format, LlmHttpRequest},
};

/// The captured request of a call.
pub(super) struct CapturedRequest<'a> {
    head: &'a Parts,
    body: Vec<Bytes>,
    /// Whether that is all of the body.
    complete: bool,
    /// The name of the provider, if it is set.
    provider: Option<Arc<str>>,
    kept: Option<Arc<Kept>>,
}

impl<'a> CapturedRequest<'a> {
    pub(super) fn of<B: Body>(
        head: &'a Parts,
        capture: &mut Capture<B>,
        provider: Option<Arc<str>>,
    ) -> Self {
        Self {
            head,
            body: capture.pieces(),
            complete: capture.is_complete(),
            provider,
            kept: capture.share_kept(),
        }
    }

    /// Reads the start of the call. A compressed body may inflate to `limit` bytes.
    pub(super) fn start(self, format: &dyn Format, limit: usize) -> LlmStart {
        let Self { head: Parts { method, uri, headers, .. }, body, complete, provider, kept } =
            self;
        let (body, inflated) = inflated(headers, body, limit);
        let complete = complete && inflated;
        let mut request = LlmHttpRequest::in_pieces(method, uri, headers, &body).complete(complete);
        request.provider = provider.as_deref();
        // A format may be user code, and must not break the call.
        let mut start = catch(|| format.start(&request)).unwrap_or_else(|_| {
            tracing::error!(target: "tower_llm_callbacks", ?format, "a wire format panicked on a request");
            LlmStart::new("unknown", "unknown")
        });
        if let Some(provider) = provider {
            start.provider = provider;
        }
        if let Some(kept) = kept {
            start.messages.hold(kept);
        }
        start.http = Some(Box::new(HttpRequestInfo::new(
            method.to_string(),
            redact::target(uri),
            redact::recorded(headers),
            complete,
        )));
        start
    }
}

/// Returns the inflated body, and whether all of it could be inflated.
fn inflated(headers: &HeaderMap, body: Vec<Bytes>, limit: usize) -> (Vec<Bytes>, bool) {
    let Some(mut inflate) = Inflate::of(headers).map(|it| it.at_most(limit)) else {
        return (Vec::new(), false);
    };
    if inflate.is_identity() {
        return (body, true);
    }
    let mut plain = Vec::new();
    let result = body
        .iter()
        .try_for_each(|piece| inflate.push(piece, &mut |bytes| plain.extend_from_slice(bytes)));
    (vec![plain.into()], result.is_ok() && inflate.has_ended())
}
