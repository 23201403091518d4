use std::borrow::Cow;

use super::json::Nesting;

/// The arguments of a tool call so far. Decides which part of the next piece is new: some servers send all arguments
/// so far with each piece, or all of them again at the end.
///
/// Only a JSON object is compared, of which it is certain what continues it. Free text is passed on as it comes.
#[derive(Debug, Default)]
pub(in crate::wire) struct Arguments {
    so_far: Fingerprint,
    nesting: Nesting,
    /// The last byte of a JSON object that is not blank, else 0.
    last: u8,
    /// They are text, not an object.
    free: bool,
    /// A piece that may continue the arguments or repeat them. The next one decides.
    open: Option<Box<str>>,
}

impl Arguments {
    /// Whether they are a JSON object that has ended: nothing continues it.
    pub(in crate::wire) fn are_whole(&self) -> bool {
        self.nesting.has_ended()
    }

    /// Whether a piece repeats them.
    pub(in crate::wire) fn are(&self, piece: &str) -> bool {
        self.so_far.length > 0 && self.so_far == Fingerprint::of(piece)
    }

    /// Adds a piece. Returns the part of it that is new; `None` if there is none, or it is not known yet.
    pub(in crate::wire) fn push<'a>(&mut self, piece: Cow<'a, str>) -> Option<Cow<'a, str>> {
        if piece.is_empty() {
            return None;
        }
        if let Some(open) = self.open.take() {
            if self.so_far.length == 0 && piece.trim_start().starts_with('{') {
                return self.push(piece);
            }
            // The piece before was all of the arguments if this one begins like it.
            let before = match piece.starts_with(&*open) {
                true => open[self.so_far.length..].to_owned(),
                false => open.into_string(),
            };
            self.add(&before);
            let more = self.push(piece);
            return Some(Cow::Owned(before + more.as_deref().unwrap_or_default()))
                .filter(|text: &Cow<'_, str>| !text.is_empty());
        }
        if self.so_far.length == 0 && piece.trim() == "{}" {
            // Servers send it in place of arguments that follow.
            self.open = Some(piece.into());
            return None;
        }
        let object = self.last != 0 && piece.trim_start().starts_with('{');
        if !object {
            self.add(&piece);
            return Some(piece);
        }
        let repeats = self.so_far.begins(&piece);
        // Within a string they cannot be repeated: the quotes would end it.
        if repeats && !self.nesting.in_string() && matches!(self.last, b':' | b',' | b'[') {
            // An object within the arguments may have the same members as they have.
            self.open = Some(piece.into());
            return None;
        }
        let new = match (repeats, self.are_whole()) {
            (true, _) => suffix(piece, self.so_far.length),
            // All of them again, written in another way.
            (false, true) => return None,
            (false, false) => piece,
        };
        self.add(&new);
        Some(new).filter(|new| !new.is_empty())
    }

    /// Adds all arguments, of which a part may have been there. Returns the rest.
    pub(in crate::wire) fn complete<'a>(&mut self, all: Cow<'a, str>) -> Option<Cow<'a, str>> {
        let open = self.open.take().filter(|_| self.so_far.length > 0);
        if let Some(open) = open {
            if !all.starts_with(&*open) {
                self.add(&open);
                let rest = self.complete(all);
                return Some(Cow::Owned(open.into_string() + rest.as_deref().unwrap_or_default()));
            }
            let new = suffix(all, self.so_far.length);
            self.add(&new);
            return Some(new);
        }
        if self.so_far.length > 0 && !self.so_far.begins(&all) {
            return None;
        }
        let new = suffix(all, self.so_far.length);
        self.add(&new);
        Some(new).filter(|new| !new.is_empty())
    }

    /// Ends the arguments. Returns the rest of them.
    pub(in crate::wire) fn end(&mut self) -> Option<String> {
        let open = self.open.take()?;
        let mut alone = Nesting::default();
        let rest = match alone.end_in(open.as_bytes()) == Some(open.trim_end().len()) {
            true => open[self.so_far.length..].to_owned(),
            false => open.into_string(),
        };
        self.add(&rest);
        Some(rest)
    }

    fn add(&mut self, text: &str) {
        self.so_far.add(text);
        let trimmed = text.trim_ascii();
        if let Some(&last) = trimmed.as_bytes().last() {
            self.free |= self.last == 0 && !trimmed.starts_with('{');
            if !self.free {
                self.nesting.end_in(text.as_bytes());
                self.last = last;
            }
        }
    }
}

fn suffix(text: Cow<'_, str>, start: usize) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[start..]),
        Cow::Owned(mut text) => {
            text.drain(..start);
            Cow::Owned(text)
        }
    }
}

/// A text that is only compared, so that a long one uses no memory. FNV-1a.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fingerprint {
    length: usize,
    hash: u64,
}

impl Default for Fingerprint {
    fn default() -> Self {
        Self { length: 0, hash: 0xcbf2_9ce4_8422_2325 }
    }
}

impl Fingerprint {
    fn of(text: &str) -> Self {
        let mut fingerprint = Self::default();
        fingerprint.add(text);
        fingerprint
    }

    fn add(&mut self, text: &str) {
        self.length += text.len();
        for byte in text.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// Whether a text begins with this one.
    fn begins(&self, text: &str) -> bool {
        text.get(..self.length).is_some_and(|beginning| Self::of(beginning) == *self)
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;

    #[track_caller]
    fn assert_read(pieces: &[&str], expected: &str) {
        let mut arguments = Arguments::default();
        let mut read = String::new();
        for piece in pieces {
            read.extend(arguments.push((*piece).into()).as_deref());
        }
        read.extend(arguments.end());
        assert_eq!(read, expected, "{pieces:?}");
    }

    #[test]
    fn pieces_are_joined() {
        assert_read(&["{", "\"a\"", ":1}"], r#"{"a":1}"#);
        assert_read(&["{\"a\":", "{\"b\":1}}"], r#"{"a":{"b":1}}"#);
        assert_read(&["{\"a\":", "{\"a\":1}}"], r#"{"a":{"a":1}}"#);
        assert_read(&["{\"a\":", "{\"a\":", "1}}"], r#"{"a":{"a":1}}"#);
        assert_read(&["{\"a\":[", "{\"a\":[", "{\"b\":1}]}]}"], r#"{"a":[{"a":[{"b":1}]}]}"#);
        assert_read(&["{\"a\":\"", "{", "{\"}"], r#"{"a":"{{"}"#);
        assert_read(&["ab", "abab", "{", "{"], "ababab{{");
        assert_read(&["", " {\"a\" ", ":1} "], " {\"a\" :1} ");
    }

    #[test]
    fn cumulative_pieces_count_once() {
        let all = r#"{"q":{"q":["x",{"q":1}]},"b":"{\"q\""}"#;
        for step in 1..all.len() {
            let mut pieces: Vec<&str> =
                (1..=all.len()).step_by(step).map(|end| &all[..end]).collect();
            pieces.push(all);
            assert_read(&pieces, all);
        }
    }

    #[test]
    fn repeated_arguments_count_once() {
        assert_read(&["{\"a\"", ":1}", "{\"a\":1}"], r#"{"a":1}"#);
        assert_read(&["{\"a\":1}", "{\"a\": 1}"], r#"{"a":1}"#);
        assert_read(&["{}", "{\"a\":1}"], r#"{"a":1}"#);
        assert_read(&["{}", "{}", "{\"a\":1}"], r#"{"a":1}"#);
        assert_read(&["{}"], "{}");
        assert_read(&["{}", " "], "{} ");
    }

    #[test]
    fn the_whole_completes_the_pieces() {
        for (pieces, all, rest) in [
            (vec![], r#"{"a":1}"#, Some(r#"{"a":1}"#)),
            (vec!["{\"a\":"], r#"{"a":1}"#, Some("1}")),
            (vec!["{\"a\":", "1}"], r#"{"a":1}"#, None),
            (vec!["{\"a\":1}"], r#"{ "a": 1 }"#, None),
            (vec!["free "], "free text", Some("text")),
            (vec![], "{}", Some("{}")),
            (vec!["{}"], "{}", Some("{}")),
            (vec!["{}"], r#"{"a":1}"#, Some(r#"{"a":1}"#)),
        ] {
            let mut arguments = Arguments::default();
            for piece in &pieces {
                arguments.push((*piece).into());
            }
            assert_eq!(arguments.complete(all.into()).as_deref(), rest, "{pieces:?}");
        }
    }
}
