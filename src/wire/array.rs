use memchr::memchr2;

use super::{SseEvent, sse::Piece};

/// A single huge item must not pin its memory for the rest of a long stream.
const KEPT_CAPACITY: usize = 64 * 1024;

/// Splits a JSON array of objects that comes in pieces into its items. An item within one pushed slice
/// borrows from it.
///
/// What is between items is passed over. An item over the limit is too, and told as lost.
#[derive(Debug)]
pub(in crate::wire) struct ArrayDecoder {
    limit: usize,
    /// What earlier slices had of the item at hand.
    item: Vec<u8>,
    /// How many brackets are open in the item at hand.
    depth: usize,
    in_string: bool,
    /// The last byte was a backslash in a string.
    escaped: bool,
    /// Within an item that is over the limit.
    skipping: bool,
}

impl ArrayDecoder {
    /// For items of at most so many bytes.
    pub(in crate::wire) fn with_limit(limit: usize) -> Self {
        Self {
            limit,
            item: Vec::new(),
            depth: 0,
            in_string: false,
            escaped: false,
            skipping: false,
        }
    }

    pub(in crate::wire) fn read(&mut self, bytes: &[u8], each: &mut dyn FnMut(Piece<'_>)) {
        // Where the item at hand begins in these bytes, and where to look next.
        let (mut from, mut at) = (0, 0);
        while at < bytes.len() {
            if std::mem::take(&mut self.escaped) {
                at += 1;
                continue;
            }
            let rest = &bytes[at..];
            let found = match self.in_string {
                true => memchr2(b'"', b'\\', rest),
                false => rest.iter().position(|b| matches!(b, b'"' | b'{' | b'}' | b'[' | b']')),
            };
            let Some(found) = found else { break };
            at += found + 1;
            match bytes[at - 1] {
                b'\\' => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                b'{' | b'[' if self.depth > 0 => self.depth += 1,
                // Other brackets outside of items are those of the array.
                b'{' => (self.depth, from) = (1, at - 1),
                b'}' | b']' if self.depth > 0 => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        self.item_ended(&bytes[from..at], true, each);
                    }
                }
                _ => {}
            }
        }
        if self.depth > 0 {
            self.keep(&bytes[from..], each);
        }
    }

    pub(in crate::wire) fn end(&mut self, each: &mut dyn FnMut(Piece<'_>)) {
        if self.depth > 0 {
            self.item_ended(&[], false, each);
        }
        *self = Self::with_limit(self.limit);
    }

    /// Keeps a part of an item; false where it is over the limit.
    fn keep(&mut self, part: &[u8], each: &mut dyn FnMut(Piece<'_>)) -> bool {
        if !self.skipping && self.item.len().saturating_add(part.len()) > self.limit {
            self.skipping = true;
            self.item = Vec::new();
            each(Piece::Overflow);
        }
        if !self.skipping {
            self.item.extend_from_slice(part);
        }
        !self.skipping
    }

    fn item_ended(&mut self, last: &[u8], complete: bool, each: &mut dyn FnMut(Piece<'_>)) {
        if self.item.is_empty() && !self.skipping && last.len() <= self.limit {
            tell(last, complete, each);
        } else if self.keep(last, each) {
            tell(&self.item, complete, each);
        }
        self.skipping = false;
        self.item.clear();
        self.item.shrink_to(KEPT_CAPACITY);
    }
}

fn tell(item: &[u8], complete: bool, each: &mut dyn FnMut(Piece<'_>)) {
    let data = &*String::from_utf8_lossy(item);
    each(Piece::Event(SseEvent { event: None, data, id: None, complete }));
}
