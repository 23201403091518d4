use memchr::memchr;

/// Finds the end of a JSON string that arrives in pieces, from behind its opening quote.
///
/// Searches for quotes only: in a prompt most escapes are of other characters.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Quoted {
    /// The bytes so far end with an odd number of backslashes.
    escaped: bool,
}

impl Quoted {
    /// Reads the next bytes. Returns the index after the closing quote if they contain it.
    pub(super) fn end_in(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut from = 0;
        loop {
            let quote = memchr(b'"', &bytes[from..]).map(|found| from + found);
            let text = &bytes[from..quote.unwrap_or(bytes.len())];
            let slashes = text.iter().rev().take_while(|&&byte| byte == b'\\').count();
            let before = slashes == text.len() && self.escaped;
            self.escaped = (slashes + usize::from(before)) % 2 == 1;
            from = quote? + 1;
            if !std::mem::take(&mut self.escaped) {
                return Some(from);
            }
        }
    }
}

/// Finds the end of a JSON object or array that arrives in pieces.
///
/// Only brackets and strings are read: what is between them may be invalid.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::wire) struct Nesting {
    /// The number of open brackets.
    depth: usize,
    string: Option<Quoted>,
    ended: bool,
}

impl Nesting {
    /// Whether the end was found.
    pub(in crate::wire) fn has_ended(self) -> bool {
        self.ended
    }

    /// Whether the text so far ends within a string.
    pub(in crate::wire) fn in_string(self) -> bool {
        self.string.is_some()
    }

    /// Reads the next bytes. Returns the index after the closing bracket if they contain it. Nothing is read after
    /// it.
    pub(in crate::wire) fn end_in(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while !self.ended && at < bytes.len() {
            let rest = &bytes[at..];
            if let Some(string) = &mut self.string {
                at += string.end_in(rest)?;
                self.string = None;
                continue;
            }
            at += rest.iter().position(|b| matches!(b, b'"' | b'{' | b'}' | b'[' | b']'))? + 1;
            match bytes[at - 1] {
                b'"' => self.string = Some(Quoted::default()),
                b'{' | b'[' => self.depth += 1,
                _ => {
                    self.depth = self.depth.saturating_sub(1);
                    self.ended = self.depth == 0;
                }
            }
        }
        self.ended.then_some(at).filter(|&at| at > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::Nesting;

    #[test]
    fn the_end_does_not_depend_on_how_the_text_is_split() {
        for (json, end) in [
            ("{}", Some(2)),
            (r#"{"a":[1,{"b":"}\"]"}]} {"#, Some(22)),
            ("[DONE] x", Some(6)),
            (r#"{"a":"\\"}"#, Some(10)),
            (r#"{"a":"\"}"#, None),
            (r#"{"a":"\\\\"}"#, Some(12)),
            (r#"{"a":"\\\"}"}"#, Some(13)),
            (r#"{"a":"\"\\","b":"\\"}"#, Some(21)),
            ("{[", None),
            ("", None),
        ] {
            assert_eq!(Nesting::default().end_in(json.as_bytes()), end, "{json}");
            let mut nesting = Nesting::default();
            let bytes = json.as_bytes().chunks(1).enumerate();
            let ends: Vec<usize> =
                bytes.filter_map(|(at, byte)| Some(at + nesting.end_in(byte)?)).collect();
            assert_eq!(ends, Vec::from_iter(end), "{json}");
            assert_eq!(nesting.has_ended(), end.is_some(), "{json}");
        }
    }
}
