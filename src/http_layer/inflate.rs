use http::HeaderMap;

use super::Coding;

/// What an answer may grow to, whatever was sent.
const ALLOWED: u64 = 64 * 1024 * 1024;
/// And by how much beyond that. A repetitive event stream shrinks to some hundredth.
const ALLOWED_RATIO: u64 = 100;

/// Nobody applies more codings, but somebody who wants to keep us busy.
const MAX_CODINGS: usize = 3;

/// Inflates a compressed body beside the one who gets it, in pieces, as it comes.
pub(super) struct Inflate {
    codings: Vec<Coding>,
    /// How much came, and what it may grow to in each coding: what counts is what was sent, or codings on
    /// top of each other would multiply what each of them may add.
    taken: u64,
    allowed: u64,
    allowed_ratio: u64,
}

/// A body could not be inflated, since it is not what it says to be, or grows beyond all measure: what is
/// left of it is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotInflated;

impl Inflate {
    /// For a body with such headers: none where one of its codings is not known.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut codings = Vec::new();
        for value in headers.get_all(http::header::CONTENT_ENCODING) {
            for name in value.to_str().ok()?.split(',') {
                match &*name.trim().to_ascii_lowercase() {
                    "" | "identity" => {}
                    // Counted before it is made: a decoder takes more than its name.
                    _ if codings.len() == MAX_CODINGS => return None,
                    name => codings.push(Coding::new(name)?),
                }
            }
        }
        // The last that was applied is the first to be taken off.
        codings.reverse();
        Some(Self { codings, ..Self::none() })
    }

    /// Nothing is inflated.
    pub(super) fn none() -> Self {
        let (allowed, allowed_ratio) = (ALLOWED, ALLOWED_RATIO);
        Self { codings: Vec::new(), taken: 0, allowed, allowed_ratio }
    }

    /// Up to so many bytes, however many come.
    pub(super) fn at_most(self, bytes: usize) -> Self {
        Self { allowed: bytes as u64, allowed_ratio: 0, ..self }
    }

    /// Whether there is nothing to inflate.
    #[inline]
    pub(super) fn is_identity(&self) -> bool {
        self.codings.is_empty()
    }

    /// Whether what came makes a whole.
    pub(super) fn has_ended(&self) -> bool {
        self.codings.iter().all(Coding::has_ended)
    }

    /// Takes the next bytes and gives what they inflate to.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<(), NotInflated> {
        self.taken += bytes.len() as u64;
        let allowed = self.allowed.max(self.taken.saturating_mul(self.allowed_ratio));
        push(&mut self.codings, bytes, allowed, each)
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
