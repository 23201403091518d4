/// Counts the members of JSON objects, piece by piece: the colons outside of strings, one level deep.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Members {
    depth: u8,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Value,
    String,
    Escape,
}

impl Members {
    /// Reads a piece of JSON text. Returns the members that begin in it.
    #[inline]
    pub(super) fn push(&mut self, text: &str) -> u32 {
        let mut found = 0;
        for byte in text.bytes() {
            match (self.state, byte) {
                (State::Escape, _) => self.state = State::String,
                (State::String, b'\\') => self.state = State::Escape,
                (State::String, b'"') => self.state = State::Value,
                (State::String, _) => {}
                (State::Value, b'"') => self.state = State::String,
                (State::Value, b'{' | b'[') => self.depth = self.depth.saturating_add(1),
                (State::Value, b'}' | b']') => self.depth = self.depth.saturating_sub(1),
                (State::Value, b':') => found += u32::from(self.depth == 1),
                (State::Value, _) => {}
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::Members;

    #[test]
    fn members_of_the_first_level_count_however_the_text_is_cut() {
        let text = r#"{"a": {"b": 1, "c:": [{"d": 2}]}, "e\"{:": "x: {y:", "f": []}"#;
        for cut in 0..text.len() {
            let mut members = Members::default();
            assert_eq!(members.push(&text[..cut]) + members.push(&text[cut..]), 3, "{cut}");
        }
    }
}
