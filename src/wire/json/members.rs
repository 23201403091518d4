use std::{borrow::Cow, ops::Range};

use bytes::Bytes;

use super::{Nesting, Raw, nesting::Quoted};

/// Calls `each` with the name and the value of each member of an object, up to the first fault if the text is truncated
/// or invalid. Values are delimited but not parsed: an invalid value is reported too.
///
/// The text comes in pieces, as it arrived. It is not copied.
pub(in crate::wire) fn members(pieces: &[Bytes], mut each: impl FnMut(Cow<'_, str>, Raw)) {
    spans(pieces, |name, start, end| {
        if let Some(value) = start.up_to(end) {
            each(name, value);
        }
    });
}

/// As [`members`], for a text in one piece.
pub(in crate::wire) fn members_of<'t>(text: &'t str, mut each: impl FnMut(Cow<'_, str>, &'t str)) {
    spans(&[text], |name, start, end| each(name, text.get(start.at..end.at).unwrap_or_default()));
}

/// Finds the members of an object, and the places where their values begin and end.
fn spans<'a, P: AsRef<[u8]>>(
    pieces: &'a [P],
    mut each: impl FnMut(Cow<'_, str>, Cursor<'a, P>, Cursor<'a, P>),
) {
    let mut text = Cursor { pieces, piece: 0, at: 0 };
    text.pass_byte_order_mark();
    text.pass_blanks();
    if text.peek() != Some(b'{') {
        return;
    }
    loop {
        text.pass(1);
        text.pass_blanks();
        if text.peek() != Some(b'"') {
            return;
        }
        let Some(name) = text.value() else { return };
        let name = name.bytes(text);
        text.pass_blanks();
        if text.peek() != Some(b':') {
            return;
        }
        let Ok(name) = serde_json::from_slice(&name) else { return };
        text.pass(1);
        text.pass_blanks();
        let Some(value) = text.value() else { return };
        each(name, value, text);
        text.pass_blanks();
        if text.peek() != Some(b',') {
            return;
        }
    }
}

/// A place in a text that is in pieces.
struct Cursor<'a, P> {
    pieces: &'a [P],
    piece: usize,
    at: usize,
}

impl<P> Clone for Cursor<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Cursor<'_, P> {}

impl<'a, P: AsRef<[u8]>> Cursor<'a, P> {
    /// Returns the rest of the piece, or the next one that has something. Empty at the end of the text.
    fn rest(&mut self) -> &'a [u8] {
        while let Some(piece) = self.pieces.get(self.piece).map(AsRef::as_ref) {
            if self.at < piece.len() {
                return &piece[self.at..];
            }
            self.piece += 1;
            self.at = 0;
        }
        &[]
    }

    fn peek(&mut self) -> Option<u8> {
        self.rest().first().copied()
    }

    /// Passes bytes of the rest.
    fn pass(&mut self, bytes: usize) {
        self.at += bytes;
    }

    fn pass_blanks(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.pass(1);
        }
    }

    fn pass_byte_order_mark(&mut self) {
        let mut after = *self;
        for expected in [0xEF, 0xBB, 0xBF] {
            if after.peek() != Some(expected) {
                return;
            }
            after.pass(1);
        }
        *self = after;
    }

    /// Passes the value that begins here, and returns where that is; `None` if there is no value or it does not end.
    fn value(&mut self) -> Option<Self> {
        let first = self.peek()?;
        let start = *self;
        match first {
            b'"' => {
                self.pass(1);
                let mut string = Quoted::default();
                self.pass_until(|rest| string.end_in(rest))?;
            }
            b'{' | b'[' => {
                let mut nesting = Nesting::default();
                self.pass_until(|rest| nesting.end_in(rest))?;
            }
            _ => {
                let ends = |byte: &u8| {
                    matches!(byte, b',' | b':' | b'}' | b']') || byte.is_ascii_whitespace()
                };
                self.pass_until(|rest| rest.iter().position(ends))?;
            }
        }
        (start.piece != self.piece || start.at != self.at).then_some(start)
    }

    /// Passes bytes up to the end that is found in one of the pieces.
    fn pass_until(&mut self, mut end: impl FnMut(&[u8]) -> Option<usize>) -> Option<()> {
        loop {
            let rest = self.rest();
            if rest.is_empty() {
                return None;
            }
            match end(rest) {
                Some(length) => {
                    self.pass(length);
                    return Some(());
                }
                None => self.pass(rest.len()),
            }
        }
    }

    /// Returns the parts of the pieces between this place and a later one.
    fn parts(self, end: Self) -> impl Iterator<Item = (&'a P, Range<usize>)> {
        let pieces = self.pieces.iter().enumerate().take(end.piece + 1).skip(self.piece);
        let part = move |(index, piece): (usize, &'a P)| {
            let from = if index == self.piece { self.at } else { 0 };
            let to = if index == end.piece { end.at } else { piece.as_ref().len() };
            (piece, from..to)
        };
        pieces.map(part).filter(|(_, range)| !range.is_empty())
    }

    /// Returns what is between this place and a later one, which is a copy if it is in several pieces.
    fn bytes(self, end: Self) -> Cow<'a, [u8]> {
        let mut parts = self.parts(end).map(|(piece, range)| &piece.as_ref()[range]);
        let first = parts.next().unwrap_or_default();
        parts.fold(Cow::Borrowed(first), |mut all, part| {
            all.to_mut().extend_from_slice(part);
            all
        })
    }
}

impl Cursor<'_, Bytes> {
    /// Returns what is between this place and a later one; `None` if that is nothing.
    fn up_to(self, end: Self) -> Option<Raw> {
        Raw::new(self.parts(end).map(|(piece, range)| piece.slice(range)).collect())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::members;

    fn found_in(pieces: &[Bytes]) -> Vec<(String, String)> {
        let mut found = Vec::new();
        members(pieces, |name, value| {
            let value = String::from_utf8(value.bytes().into()).unwrap();
            found.push((name.into_owned(), value));
        });
        found
    }

    /// The same members, however the text is split.
    fn found(json: &str) -> Vec<(String, String)> {
        let json = Bytes::copy_from_slice(json.as_bytes());
        let whole = found_in(std::slice::from_ref(&json));
        for size in 1..=json.len() {
            let mut pieces: Vec<Bytes> =
                json.chunks(size).map(|chunk| json.slice_ref(chunk)).collect();
            pieces.insert(0, Bytes::new());
            assert_eq!(found_in(&pieces), whole, "{size}");
        }
        whole
    }

    #[test]
    fn values_are_delimited_but_not_parsed() {
        let json = "\u{FEFF} { \"a\" : [ {\"b]\": \"}\\\"\\\\\"}, 1 ] ,\"ä\\n\":\"\\\\\\\"\" , \
            \"c\":-1.5e3,\"d\":null ,\"e\":{ } } x";
        let expected = [
            ("a", r#"[ {"b]": "}\"\\"}, 1 ]"#),
            ("ä\n", r#""\\\"""#),
            ("c", "-1.5e3"),
            ("d", "null"),
            ("e", "{ }"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(found(json), expected);
    }

    #[test]
    fn a_fault_ends_the_search() {
        for json in [
            "",
            " ",
            "[1]",
            "{",
            "{}",
            "{,}",
            r#"{"b"#,
            r#"{"b""#,
            r#"{"b":"#,
            r#"{"b":}"#,
            r#"{"b":1"#,
            r#"{"b":"\""#,
            r#"{"b":[{}"#,
            r#"{b:1}"#,
            r#"{[]:1}"#,
            r#"{"b" 1}"#,
            "{\"\u{1}\":1}",
        ] {
            assert_eq!(found(json), [], "{json}");
            if let Some(rest) = json.strip_prefix('{') {
                let expected = [("a".to_owned(), "1".to_owned())];
                assert_eq!(found(&format!(r#"{{"a":1,{rest}"#)), expected, "{json}");
            }
        }
    }
}
