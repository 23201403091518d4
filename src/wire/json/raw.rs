use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use memchr::memmem;

/// A part of a text, as it arrived: in one piece or in several, of which none is empty.
#[derive(Debug, Clone)]
pub(in crate::wire) enum Raw {
    One(Bytes),
    Several(Box<[Bytes]>),
}

impl Raw {
    /// `None` if there are no pieces.
    pub(super) fn new(mut pieces: Vec<Bytes>) -> Option<Self> {
        match pieces.len() {
            0 => None,
            1 => pieces.pop().map(Raw::One),
            _ => Some(Raw::Several(pieces.into())),
        }
    }

    pub(in crate::wire) fn pieces(&self) -> &[Bytes] {
        match self {
            Raw::One(bytes) => std::slice::from_ref(bytes),
            Raw::Several(pieces) => pieces,
        }
    }

    pub(in crate::wire) fn len(&self) -> usize {
        self.pieces().iter().map(Bytes::len).sum()
    }

    /// Returns the first byte, which says what kind of JSON value a text is.
    pub(in crate::wire) fn first(&self) -> u8 {
        self.pieces()[0][0]
    }

    /// Returns the text in one piece, which is a copy if it is in several.
    pub(in crate::wire) fn bytes(&self) -> Cow<'_, [u8]> {
        match self {
            Raw::One(bytes) => Cow::Borrowed(bytes),
            Raw::Several(pieces) => Cow::Owned(pieces.concat()),
        }
    }

    /// Whether the text contains another one, which is short.
    pub(in crate::wire) fn contains(&self, text: &str) -> bool {
        let finder = memmem::Finder::new(text);
        let pieces = match self {
            Raw::One(bytes) => return finder.find(bytes).is_some(),
            Raw::Several(pieces) => pieces,
        };
        // The end of what was searched, in which the text may begin.
        let mut end = Vec::new();
        pieces.iter().any(|piece| {
            let most = text.len().saturating_sub(1);
            end.extend_from_slice(&piece[..most.min(piece.len())]);
            if finder.find(&end).is_some() || finder.find(piece).is_some() {
                return true;
            }
            if piece.len() >= most {
                end.clear();
                end.extend_from_slice(&piece[piece.len() - most..]);
            } else {
                end.drain(..end.len().saturating_sub(most));
            }
            false
        })
    }
}

/// Returns pieces as one text.
pub(in crate::wire) fn joined(pieces: &[Bytes]) -> Bytes {
    match pieces {
        [] => Bytes::new(),
        [one] => one.clone(),
        several => {
            let mut all = BytesMut::with_capacity(several.iter().map(Bytes::len).sum());
            several.iter().for_each(|piece| all.extend_from_slice(piece));
            all.freeze()
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::Raw;

    #[test]
    fn a_text_is_found_across_pieces() {
        let json = Bytes::from_static(br#"[{"a":"tool"},{"tools":[]}]"#);
        for size in 1..json.len() {
            let pieces = json.chunks(size).map(|chunk| json.slice_ref(chunk)).collect();
            let raw = Raw::new(pieces).unwrap();
            assert!(raw.contains("\"tools\""), "{size}");
            assert!(!raw.contains("\"tool\":"), "{size}");
            assert_eq!(raw.bytes(), &json[..]);
        }
    }
}
