use memchr::memchr2;

/// Finds the end of a JSON object or array that arrives in pieces.
///
/// Only brackets and strings are read: what is between them may be invalid.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::wire) struct Nesting {
    /// The number of open brackets.
    depth: usize,
    in_string: bool,
    /// The last byte was a backslash in a string.
    escaped: bool,
    ended: bool,
}

impl Nesting {
    /// Whether the end was found.
    pub(in crate::wire) fn has_ended(self) -> bool {
        self.ended
    }

    /// Whether the text so far ends within a string.
    pub(in crate::wire) fn in_string(self) -> bool {
        self.in_string
    }

    /// Reads the next bytes. Returns the index after the closing bracket if they contain it. Nothing is read after
    /// it.
    pub(in crate::wire) fn end_in(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while !self.ended && at < bytes.len() {
            if std::mem::take(&mut self.escaped) {
                at += 1;
                continue;
            }
            let rest = &bytes[at..];
            let found = match self.in_string {
                true => memchr2(b'"', b'\\', rest),
                false => rest.iter().position(|b| matches!(b, b'"' | b'{' | b'}' | b'[' | b']')),
            };
            at += found? + 1;
            match bytes[at - 1] {
                b'\\' => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
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
