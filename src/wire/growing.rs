use std::borrow::Cow;

use super::fingerprint::Fingerprint;

/// A text whose pieces have what is new, or all so far: which, the second piece shows.
#[derive(Debug, Default)]
pub(in crate::wire) struct Growing {
    so_far: Fingerprint,
    cumulative: Option<bool>,
}

impl Growing {
    /// Adds a piece. Returns the part of it that is new. A text that is written anew is not.
    pub(in crate::wire) fn add<'a>(&mut self, piece: Cow<'a, str>) -> Option<Cow<'a, str>> {
        let begun = self.so_far.length();
        let repeats = begun > 0 && self.so_far.begins(&piece);
        if repeats && piece.len() == begun {
            return None;
        }
        let cumulative = begun > 0 && *self.cumulative.get_or_insert(repeats);
        let new = match (cumulative, repeats) {
            (false, _) => piece,
            (true, true) => Cow::Owned(piece[begun..].to_owned()),
            (true, false) => return None,
        };
        self.so_far.add(&new);
        Some(new)
    }
}
