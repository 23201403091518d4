use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, request::Parts};
use http_body::Body;

use super::{budget::Kept, capture::Capture, inflate::Inflate};
use crate::{
    event::{HttpRequestInfo, LlmStart},
    panics::guarded,
    redact,
    wire::{Call, Format, LlmHttpRequest},
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
        limit: usize,
    ) -> Self {
        let (body, inflated) = inflated(&head.headers, capture.pieces(), limit);
        Self {
            head,
            body,
            complete: capture.is_complete() && inflated,
            provider,
            kept: capture.share_kept(),
        }
    }

    /// Returns the body, inflated.
    pub(super) fn body(&self) -> &[Bytes] {
        &self.body
    }

    fn request(&self) -> LlmHttpRequest<'_> {
        let Parts { method, uri, headers, .. } = self.head;
        let request =
            LlmHttpRequest::in_pieces(method, uri, headers, &self.body).complete(self.complete);
        match &self.provider {
            Some(provider) => request.provider(provider),
            None => request,
        }
    }

    /// Returns what the request is in a format.
    pub(super) fn describe(&self, format: &dyn Format) -> Call {
        guarded("a wire format (request)", || format.describe(&self.request())).unwrap_or_default()
    }

    pub(super) fn start(self, format: &dyn Format) -> LlmStart {
        let start = guarded("a wire format (request)", || format.start(&self.request()));
        let mut start = start.unwrap_or_else(|| LlmStart::new("unknown", "unknown"));
        let Self { head: Parts { method, uri, headers, .. }, complete, provider, kept, .. } = self;
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
