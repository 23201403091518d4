use std::mem;

/// Collects a body that can only be read whole.
#[derive(Debug)]
pub(in crate::wire) struct WholeBody {
    limit: usize,
    bytes: Vec<u8>,
    over: bool,
}

impl WholeBody {
    /// For a body of at most so many bytes.
    pub(in crate::wire) fn with_limit(limit: usize) -> Self {
        Self { limit, bytes: Vec::new(), over: false }
    }

    /// Adds bytes. False where the body is over the limit with them; what follows is passed over.
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

    /// The body's text; none where it was over the limit.
    pub(in crate::wire) fn take(&mut self) -> Option<String> {
        let bytes = mem::take(&mut self.bytes);
        let text = String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        (!self.over).then_some(text)
    }
}
