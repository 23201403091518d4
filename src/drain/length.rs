use bytes::Buf;
use http::{Response, header::CONTENT_LENGTH};
use http_body::Body;

/// The number of bytes that a body has still to come, if it is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Length(u64);

const UNKNOWN: u64 = u64::MAX;

impl Length {
    /// Returns the length that a response declares, or that its body knows.
    pub(super) fn of<B: Body>(response: &Response<B>) -> Self {
        let declared = response.headers().get(CONTENT_LENGTH);
        let declared = declared.and_then(|length| length.to_str().ok()?.trim().parse().ok());
        Self(declared.or_else(|| response.body().size_hint().exact()).unwrap_or(UNKNOWN))
    }

    pub(super) fn read(&mut self, data: &impl Buf) {
        if self.0 != UNKNOWN {
            self.0 = self.0.saturating_sub(data.remaining() as u64);
        }
    }

    /// Whether all bytes have come.
    pub(super) fn is_read(self) -> bool {
        self.0 == 0
    }
}
