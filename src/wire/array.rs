use super::{SseEvent, sse::Piece};

/// Splits a JSON array of objects that comes in pieces into its items.
#[derive(Debug)]
pub(in crate::wire) struct ArrayDecoder {
    limit: usize,
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
        for &byte in bytes {
            if self.depth > 0 && !self.skipping {
                if self.item.len() == self.limit {
                    self.skipping = true;
                    self.item = Vec::new();
                    each(Piece::Overflow);
                } else {
                    self.item.push(byte);
                }
            }
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' if self.depth > 0 => self.depth += 1,
                // Brackets outside of items are those of the array.
                b'{' => {
                    self.depth = 1;
                    self.item.push(byte);
                }
                b'}' | b']' if self.depth > 0 => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        self.item_ended(true, each);
                    }
                }
                _ => {}
            }
        }
    }

    pub(in crate::wire) fn end(&mut self, each: &mut dyn FnMut(Piece<'_>)) {
        if self.depth > 0 {
            self.item_ended(false, each);
        }
        *self = Self::with_limit(self.limit);
    }

    fn item_ended(&mut self, complete: bool, each: &mut dyn FnMut(Piece<'_>)) {
        if !std::mem::take(&mut self.skipping) {
            let data = &*String::from_utf8_lossy(&self.item);
            each(Piece::Event(SseEvent { event: None, data, id: None, complete }));
        }
        self.item.clear();
        self.item.shrink_to(64 * 1024);
    }
}
