use std::mem;

/// A buffer for a body that is decoded at its end.
#[derive(Debug)]
pub(in crate::wire) struct WholeBody {
    limit: usize,
    bytes: Vec<u8>,
    over: bool,
}

impl WholeBody {
    /// Creates a buffer for a body of up to `limit` bytes.
    pub(in crate::wire) fn with_limit(limit: usize) -> Self {
        Self { limit, bytes: Vec::new(), over: false }
    }

    /// Adds bytes. Returns false if they make the body exceed the limit; later bytes are ignored.
    pub(in crate::wire) fn push(&mut self, bytes: &[u8]) -> bool {
        if self.over {
            return true;
        }
        self.over = self.bytes.len().saturating_add(bytes.len()) > self.limit;
        if self.over {
            self.bytes = Vec::new();
        } else {
            self.bytes.extend_from_slice(bytes);
        }
        !self.over
    }

    /// Takes the body's text; `None` if the body exceeded the limit.
    pub(in crate::wire) fn take(&mut self) -> Option<String> {
        let bytes = mem::take(&mut self.bytes);
        let text = String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        (!self.over).then_some(text)
    }
}
