use http::HeaderMap;

use super::Coding;

/// Inflates a compressed body beside the one who gets it, in pieces, as it comes.
pub(super) struct Inflate(Vec<Coding>);

/// A body could not be inflated; what is left of it is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotInflated {
    /// It is not what it says to be.
    Broken,
    /// It grows beyond all measure.
    Bomb,
}

impl Inflate {
    /// For a body with such headers: none where one of its codings is not known.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut codings = Vec::new();
        for value in headers.get_all(http::header::CONTENT_ENCODING) {
            for name in value.to_str().ok()?.split(',') {
                match &*name.trim().to_ascii_lowercase() {
                    "" | "identity" => {}
                    name => codings.push(Coding::new(name)?),
                }
            }
        }
        // Nobody applies more of them, but somebody who wants to keep us busy.
        if codings.len() > 3 {
            return None;
        }
        // The last that was applied is the first to be taken off.
        codings.reverse();
        Some(Self(codings))
    }

    /// Nothing is inflated.
    pub(super) fn none() -> Self {
        Self(Vec::new())
    }

    /// Whether there is nothing to inflate.
    #[inline]
    pub(super) fn is_identity(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the next bytes and gives what they inflate to.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<(), NotInflated> {
        push(&mut self.0, bytes, each)
    }
}

fn push(
    codings: &mut [Coding],
    bytes: &[u8],
    each: &mut dyn FnMut(&[u8]),
) -> Result<(), NotInflated> {
    let Some((first, rest)) = codings.split_first_mut() else {
        each(bytes);
        return Ok(());
    };
    let mut result = Ok(());
    first.push(bytes, &mut |bytes| {
        if result.is_ok() {
            result = push(rest, bytes, each);
        }
    })?;
    result
}
