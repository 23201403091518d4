use std::mem;

use super::json::Nesting;

/// A buffer for a body that is decoded at its end.
#[derive(Debug)]
pub(in crate::wire) struct WholeBody {
    limit: usize,
    bytes: Vec<u8>,
    nesting: Nesting,
    /// A line end followed the first text.
    line_ended: bool,
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
        let nesting = Nesting::default();
        Self { limit, bytes: Vec::new(), nesting, line_ended: false, over: false }
    }

    /// Adds bytes.
    pub(in crate::wire) fn push(&mut self, bytes: &[u8]) -> Pushed {
        if self.over {
            return Pushed::One;
        }
        let room = self.limit - self.bytes.len();
        let begins = matches!(self.bytes.first().or(bytes.first()), Some(b'{' | b'['));
        let end = match self.nesting.has_ended() {
            true => Some(0),
            false if begins => self.nesting.end_in(&bytes[..bytes.len().min(room)]),
            false => None,
        };
        // Whether a text fits is decided by its end, however the bytes are split. Of the blanks that follow, only a line end
        // means something.
        match end {
            Some(end) => {
                let (text, rest) = bytes.split_at(end);
                self.bytes.extend_from_slice(text);
                let more = rest.trim_ascii_start();
                let blanks = &rest[..rest.len() - more.len()];
                self.line_ended |= blanks.iter().any(|blank| matches!(blank, b'\n' | b'\r'));
                if more.is_empty() {
                    return Pushed::One;
                }
                self.bytes.push(if self.line_ended { b'\n' } else { b' ' });
                self.bytes.extend_from_slice(more);
                Pushed::Several
            }
            None if bytes.len() > room => {
                self.over = true;
                self.bytes = Vec::new();
                Pushed::Over
            }
            None => {
                self.bytes.extend_from_slice(bytes);
                Pushed::One
            }
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
