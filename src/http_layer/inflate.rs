use http::HeaderMap;

use super::Coding;
use crate::wire::{ContentCoding, content_codings};

/// The inflated size of an answer that is always allowed.
const ALLOWED: u64 = 64 * 1024 * 1024;
/// The allowed ratio beyond that. A repetitive event stream may shrink to a hundredth.
const ALLOWED_RATIO: u64 = 100;

/// The most codings of a body. No legitimate sender applies more.
const MAX_CODINGS: usize = 3;

/// Inflates a compressed body piece by piece, beside its consumer.
pub(super) struct Inflate {
    codings: Vec<Coding>,
    /// A coding has a word that is not registered. The first byte of the body decides whether it is one.
    must_be_text: bool,
    /// The bytes that arrived, and the size they may inflate to in each coding. The ratio is relative to the bytes on the
    /// wire, or stacked codings would multiply it.
    taken: u64,
    allowed: u64,
    allowed_ratio: u64,
}

/// The error of a body that is not in its declared coding, or inflates beyond the bounds. The rest of it is not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotInflated;

impl Inflate {
    /// Creates the decoder for a body with these headers. `None` if one of its codings is unknown.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut codings = Vec::new();
        let mut must_be_text = false;
        for coding in content_codings(headers) {
            let ContentCoding::Registered(name) = coding else {
                must_be_text = true;
                continue;
            };
            // Counted first, because a decoder takes memory.
            if codings.len() == MAX_CODINGS {
                return None;
            }
            codings.push(Coding::new(&name)?);
        }
        // The last coding that was applied is removed first.
        codings.reverse();
        Some(Self { codings, must_be_text, ..Self::identity() })
    }

    /// Creates a decoder that inflates nothing.
    pub(super) fn identity() -> Self {
        let (allowed, allowed_ratio) = (ALLOWED, ALLOWED_RATIO);
        Self { codings: Vec::new(), must_be_text: false, taken: 0, allowed, allowed_ratio }
    }

    /// Bounds the inflated size, whatever the ratio.
    pub(super) fn at_most(self, bytes: usize) -> Self {
        Self { allowed: bytes as u64, allowed_ratio: 0, ..self }
    }

    /// Whether there is nothing to inflate.
    #[inline]
    pub(super) fn is_identity(&self) -> bool {
        self.codings.is_empty() && !self.must_be_text
    }

    /// Whether the bytes so far are a whole body.
    pub(super) fn has_ended(&self) -> bool {
        self.codings.iter().all(Coding::has_ended)
    }

    /// Inflates the next bytes, and calls `each` with the result.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<(), NotInflated> {
        self.taken += bytes.len() as u64;
        let allowed = self.allowed.max(self.taken.saturating_mul(self.allowed_ratio));
        let Self { codings, must_be_text, .. } = self;
        let mut is_text = true;
        let inflated = push(codings, bytes, allowed, &mut |bytes| {
            if *must_be_text && let Some(first) = bytes.first() {
                // JSON, an event stream, or a byte order mark.
                is_text = first.is_ascii_graphic() || first.is_ascii_whitespace() || *first == 0xEF;
                *must_be_text = !is_text;
            }
            if is_text {
                each(bytes);
            }
        });
        if is_text { inflated } else { Err(NotInflated) }
    }
}

fn push(
    codings: &mut [Coding],
    bytes: &[u8],
    allowed: u64,
    each: &mut dyn FnMut(&[u8]),
) -> Result<(), NotInflated> {
    let Some((first, rest)) = codings.split_first_mut() else {
        each(bytes);
        return Ok(());
    };
    first.push(bytes, allowed, &mut |bytes| push(rest, bytes, allowed, each))
}
