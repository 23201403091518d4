use super::{
    framed::{Framed, clear},
    json::Nesting,
};

/// Splits a JSON array of objects into its items. An item that lies within one pushed slice borrows from it.
///
/// What is between the objects is skipped. An item over the limit is skipped and reported as an overflow.
#[derive(Debug)]
pub(in crate::wire) struct ArrayDecoder {
    limit: usize,
    /// The part of the current item that was in earlier slices.
    item: Vec<u8>,
    /// Within an item.
    open: Option<Nesting>,
    /// Within a string between the items, and whether the last byte was a backslash.
    string: Option<bool>,
    /// The current item exceeded the limit.
    skipping: bool,
}

impl ArrayDecoder {
    /// Creates a decoder for items of up to `limit` bytes.
    pub(in crate::wire) fn with_limit(limit: usize) -> Self {
        Self { limit, item: Vec::new(), open: None, string: None, skipping: false }
    }

    pub(in crate::wire) fn read(&mut self, bytes: &[u8], each: &mut dyn FnMut(Framed<'_>)) {
        let mut rest = bytes;
        loop {
            if self.open.is_none() {
                let Some(start) = self.next_item(rest) else { return };
                rest = &rest[start..];
            }
            match self.open.get_or_insert_default().end_in(rest) {
                Some(end) => {
                    self.open = None;
                    self.item_ended(&rest[..end], true, each);
                    rest = &rest[end..];
                }
                None => {
                    self.keep(rest, each);
                    return;
                }
            }
        }
    }

    pub(in crate::wire) fn end(&mut self, each: &mut dyn FnMut(Framed<'_>)) {
        if self.open.is_some() {
            self.item_ended(&[], false, each);
        }
        *self = Self::with_limit(self.limit);
    }

    /// Returns where the next item begins.
    fn next_item(&mut self, bytes: &[u8]) -> Option<usize> {
        bytes.iter().position(|&byte| {
            match (self.string, byte) {
                (Some(true), _) => self.string = Some(false),
                (Some(false), b'\\') => self.string = Some(true),
                (Some(false), b'"') => self.string = None,
                (None, b'"') => self.string = Some(false),
                (None, b'{') => return true,
                _ => {}
            }
            false
        })
    }

    /// Buffers a part of an item. Returns false if the item exceeds the limit.
    fn keep(&mut self, part: &[u8], each: &mut dyn FnMut(Framed<'_>)) -> bool {
        if !self.skipping && self.item.len().saturating_add(part.len()) > self.limit {
            self.skipping = true;
            self.item = Vec::new();
            each(Framed::Lost);
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
