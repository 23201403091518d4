use memchr::memchr2;

use super::framed::{Framed, clear};

/// Splits a JSON array of objects into its items. An item that lies within one pushed slice borrows from it.
///
/// Bytes between items are skipped. An item over the limit is skipped and reported as an overflow.
#[derive(Debug)]
pub(in crate::wire) struct ArrayDecoder {
    limit: usize,
    /// The part of the current item that was in earlier slices.
    item: Vec<u8>,
    /// The number of open brackets in the current item.
    depth: usize,
    in_string: bool,
    /// The last byte was a backslash in a string.
    escaped: bool,
    /// The current item exceeded the limit.
    skipping: bool,
}

impl ArrayDecoder {
    /// Creates a decoder for items of up to `limit` bytes.
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

    pub(in crate::wire) fn read(&mut self, bytes: &[u8], each: &mut dyn FnMut(Framed<'_>)) {
        // Where the current item begins in these bytes, and where to look next.
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

    pub(in crate::wire) fn end(&mut self, each: &mut dyn FnMut(Framed<'_>)) {
        if self.depth > 0 {
            self.item_ended(&[], false, each);
        }
        *self = Self::with_limit(self.limit);
    }

    /// Buffers a part of an item. Returns false if the item exceeds the limit.
    fn keep(&mut self, part: &[u8], each: &mut dyn FnMut(Framed<'_>)) -> bool {
        if !self.skipping && self.item.len().saturating_add(part.len()) > self.limit {
            self.skipping = true;
            self.item = Vec::new();
            each(Framed::Overflow);
        }
        if !self.skipping {
            self.item.extend_from_slice(part);
        }
        !self.skipping
    }

    fn item_ended(&mut self, last: &[u8], complete: bool, each: &mut dyn FnMut(Framed<'_>)) {
        if self.item.is_empty() && !self.skipping && last.len() <= self.limit {
            each(Framed::json(&String::from_utf8_lossy(last), complete));
        } else if self.keep(last, each) {
            each(Framed::json(&String::from_utf8_lossy(&self.item), complete));
        }
        self.skipping = false;
        clear(&mut self.item);
    }
}
