use std::mem;

use super::json::Nesting;

/// A buffer for a body that is decoded at its end.
#[derive(Debug)]
pub(in crate::wire) struct WholeBody {
    limit: usize,
    bytes: Vec<u8>,
    nesting: Nesting,
    over: bool,
}

/// What a pushed slice made of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::wire) enum Pushed {
    /// The body may be a single text so far.
    One,
    /// Something follows the first text: the body is a sequence of texts, or a stream.
    Several,
    /// The slice made the body exceed the limit. Later bytes are ignored.
    Over,
}

impl WholeBody {
    /// Creates a buffer for a body of up to `limit` bytes.
    pub(in crate::wire) fn with_limit(limit: usize) -> Self {
        Self { limit, bytes: Vec::new(), nesting: Nesting::default(), over: false }
    }

    /// Adds bytes.
    pub(in crate::wire) fn push(&mut self, bytes: &[u8]) -> Pushed {
        if self.over {
            return Pushed::One;
        }
        self.over = self.bytes.len().saturating_add(bytes.len()) > self.limit;
        if self.over {
            self.bytes = Vec::new();
            return Pushed::Over;
        }
        let ended = self.nesting.has_ended();
        let begins = matches!(self.bytes.first().or(bytes.first()), Some(b'{' | b'['));
        self.bytes.extend_from_slice(bytes);
        let after = match ended {
            true => Some(0),
            false => begins.then(|| self.nesting.end_in(bytes)).flatten(),
        };
        match after {
            Some(end) if !bytes[end..].trim_ascii().is_empty() => Pushed::Several,
            _ => Pushed::One,
        }
    }

    /// Whether a JSON object or array began and did not end.
    pub(in crate::wire) fn is_cut(&self) -> bool {
        matches!(self.bytes.first(), Some(b'{' | b'[')) && !self.nesting.has_ended()
    }

    /// Takes the bytes so far.
    pub(in crate::wire) fn take_bytes(&mut self) -> Vec<u8> {
        mem::take(&mut self.bytes)
    }

    /// Takes the body's text; `None` if the body exceeded the limit.
    pub(in crate::wire) fn take(&mut self) -> Option<String> {
        let text = String::from_utf8(self.take_bytes())
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        (!self.over).then_some(text)
    }
}
