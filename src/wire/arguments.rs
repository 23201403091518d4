use std::{borrow::Cow, mem};

use super::{
    fingerprint::{Fingerprint, JsonFingerprint},
    json::Nesting,
};

/// The arguments of a tool call so far. Decides which part of the next piece is new: some servers send all arguments
/// so far with each piece, or all of them again at the end.
///
/// Only a JSON object or array is compared, of which it is certain what continues it. Free text is passed on as it comes.
#[derive(Debug, Default)]
pub(in crate::wire) struct Arguments {
    so_far: Fingerprint,
    /// The same, whatever white space they have.
    value: JsonFingerprint,
    nesting: Nesting,
    /// The last byte of a JSON object or array that is not blank, else 0.
    last: u8,
    /// They are text, neither an object nor an array.
    free: bool,
    /// What the pieces have turned out to be, once there was a second one.
    pieces: Pieces,
    /// Pieces that may continue the arguments or repeat them. Those that follow decide.
    open: Open,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Pieces {
    #[default]
    Unknown,
    /// Each has what is new.
    Deltas,
    /// Each has all so far.
    Cumulative,
}

/// Pieces that are held back.
#[derive(Debug, Default)]
struct Open {
    text: String,
    /// The start of the last piece.
    last: usize,
}

/// The most that is held back. A server that sends more of it sends what is new.
const MAX_OPEN: usize = 64 * 1024;

impl Open {
    fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    fn last(&self) -> &str {
        &self.text[self.last..]
    }

    fn add(&mut self, piece: &str) {
        self.last = self.text.len();
        self.text.push_str(piece);
    }
}

impl Arguments {
    /// Marks them as text, whatever it looks like: the input of a custom tool.
    pub(in crate::wire) fn set_free(&mut self) {
        self.free = true;
    }

    /// Whether they are a JSON object or array that has ended: nothing continues it.
    pub(in crate::wire) fn are_whole(&self) -> bool {
        self.nesting.has_ended()
    }

    /// Whether nothing of them has come.
    pub(in crate::wire) fn are_absent(&self) -> bool {
        self.so_far.length() == 0 && self.open.is_empty()
    }

    /// Whether a piece repeats them.
    pub(in crate::wire) fn are(&self, piece: &str) -> bool {
        self.so_far.length() > 0 && self.so_far == Fingerprint::of(piece)
    }

    /// Adds a piece. Returns the part of it that is new; `None` if there is none, or it is not known yet.
    pub(in crate::wire) fn push<'a>(&mut self, piece: Cow<'a, str>) -> Option<Cow<'a, str>> {
        if piece.is_empty() {
            return None;
        }
        if !self.open.is_empty() {
            return self.push_after_open(piece);
        }
        if self.free {
            self.add(&piece);
            return Some(piece);
        }
        if self.so_far.length() == 0 && matches!(piece.trim(), "{}" | "[]") {
            // Servers send it in place of arguments that follow.
            self.open.add(&piece);
            return None;
        }
        if self.last == 0 || !begins_value(&piece) {
            self.continued();
            self.add(&piece);
            return Some(piece);
        }
        let repeats = self.so_far.begins(&piece);
        // Within a string they cannot be repeated: the quotes would end it.
        let may_continue = !self.nesting.in_string() && may_precede_value(self.last);
        if repeats && may_continue && self.pieces == Pieces::Unknown {
            // A value within the arguments may begin like them.
            self.open.add(&piece);
            return None;
        }
        let repeats = repeats && !(may_continue && self.pieces == Pieces::Deltas);
        if !repeats {
            self.continued();
        } else if piece.len() > self.so_far.length() {
            self.pieces = Pieces::Cumulative;
        }
        let new = match (repeats, self.are_whole()) {
            (true, _) => suffix(piece, self.so_far.length()),
            // All of them again, written in another way. Models also write two values.
            (false, true) if JsonFingerprint::of(&piece) == self.value => return None,
            (false, _) => piece,
        };
        self.add(&new);
        Some(new).filter(|new| !new.is_empty())
    }

    /// Adds a piece behind those that are held back. It stays open as long as both readings of them are valid JSON.
    fn push_after_open<'a>(&mut self, piece: Cow<'a, str>) -> Option<Cow<'a, str>> {
        if self.so_far.length() == 0 && begins_value(&piece) {
            self.open = Open::default();
            return self.push(piece);
        }
        let last = self.open.last().trim_ascii_end().as_bytes().last().copied();
        let continues = !begins_value(&piece) || last.is_some_and(may_precede_value);
        let repeats = piece.starts_with(self.open.last()) && !has_rest(&piece);
        if continues && repeats && self.open.text.len() + piece.len() <= MAX_OPEN {
            self.open.add(&piece);
            return None;
        }
        let before = self.close(repeats && !continues);
        let more = self.push(piece);
        Some(Cow::Owned(before + more.as_deref().unwrap_or_default()))
            .filter(|text: &Cow<'_, str>| !text.is_empty())
    }

    /// Decides what the pieces are that were held back. Returns the new part of them.
    fn close(&mut self, are_cumulative: bool) -> String {
        let open = mem::take(&mut self.open);
        let (pieces, new) = match are_cumulative {
            true => (Pieces::Cumulative, open.last()[self.so_far.length()..].to_owned()),
            false => (Pieces::Deltas, open.text),
        };
        if self.so_far.length() > 0 {
            self.pieces = pieces;
        }
        self.add(&new);
        new
    }

    /// Notes that a piece has only what is new.
    fn continued(&mut self) {
        if self.so_far.length() > 0 {
            self.pieces = Pieces::Deltas;
        }
    }

    /// Adds all arguments, of which a part may have been there. Returns the rest.
    pub(in crate::wire) fn complete<'a>(&mut self, all: Cow<'a, str>) -> Option<Cow<'a, str>> {
        if self.so_far.length() == 0 {
            self.open = Open::default();
        }
        if !self.open.is_empty() {
            let mut continued = self.so_far;
            continued.add(&self.open.text);
            let are_cumulative = !continued.begins(&all) && all.starts_with(self.open.last());
            let before = self.close(are_cumulative);
            let rest = self.complete(all);
            return Some(Cow::Owned(before + rest.as_deref().unwrap_or_default()))
                .filter(|text: &Cow<'_, str>| !text.is_empty());
        }
        if self.so_far.length() > 0 && !self.so_far.begins(&all) {
            return None;
        }
        let new = suffix(all, self.so_far.length());
        self.add(&new);
        Some(new).filter(|new| !new.is_empty())
    }

    /// Ends the arguments. Returns the rest of them.
    pub(in crate::wire) fn end(&mut self) -> Option<String> {
        if self.open.is_empty() {
            return None;
        }
        let mut alone = Nesting::default();
        let last = self.open.last();
        let is_whole = alone.end_in(last.as_bytes()) == Some(last.trim_end().len());
        Some(self.close(is_whole))
    }

    fn add(&mut self, text: &str) {
        self.so_far.add(text);
        self.value.add(text);
        let trimmed = text.trim_ascii();
        if let Some(&last) = trimmed.as_bytes().last() {
            self.free |= self.last == 0 && !begins_value(trimmed);
            if !self.free {
                self.nesting.end_in(text.as_bytes());
                self.last = last;
            }
        }
    }
}

/// Whether a text begins like a JSON object or array.
pub(in crate::wire) fn begins_value(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

/// Whether an object or an array may follow a byte in JSON.
fn may_precede_value(byte: u8) -> bool {
    matches!(byte, b':' | b',' | b'[')
}

/// Whether anything follows the object or array that a text begins with.
fn has_rest(text: &str) -> bool {
    let end = Nesting::default().end_in(text.as_bytes());
    end.is_some_and(|end| !text[end..].trim_ascii().is_empty())
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
        // An object in an object in an object, each with the same member.
        let deep = r#"{"a":{"a":{"a":0}}}"#;
        assert_read(&["{\"a\":", "{\"a\":", "{\"a\":", "0}}}"], deep);
        assert_read(&["{\"a\":", "{\"a\":", "{\"a\":0}}}"], deep);
        assert_read(&["{\"a\":", "{\"a\":", "{\"a\":0", "}}}"], deep);
        assert_read(&["{\"a\":", "{\"a\":{\"a\":", "0}}}"], deep);
        assert_read(&["{\"a\"", ":", "{\"a\":", "{\"a\":", "0", "}}}"], deep);
        assert_read(&["ab", "abab", "{", "{"], "ababab{{");
        assert_read(&["", " {\"a\" ", ":1} "], " {\"a\" :1} ");
        assert_read(&["[", "[", "1]", "]"], "[[1]]");
        assert_read(&["[[", "[[", "1]],2]", "]"], "[[[[1]],2]]");
        assert_read(&["[", "{\"a\":", "[1]", "}]"], r#"[{"a":[1]}]"#);
    }

    #[test]
    fn cumulative_pieces_count_once() {
        let object = r#"{"q":{"q":["x",{"q":1}]},"b":"{\"q\""}"#;
        for all in [object, r#"["a",["a",1],{"b":"[\"a"}]"#] {
            for step in 1..all.len() {
                let mut pieces: Vec<&str> =
                    (1..=all.len()).step_by(step).map(|end| &all[..end]).collect();
                pieces.push(all);
                assert_read(&pieces, all);
            }
        }
    }

    #[test]
    fn repeated_arguments_count_once() {
        assert_read(&["{\"a\"", ":1}", "{\"a\":1}"], r#"{"a":1}"#);
        assert_read(&["{\"a\":1}", "{\"a\": 1}"], r#"{"a":1}"#);
        assert_read(
            &["{ \"a\" :", "\" {\\\" \"}", "{\"a\":\" {\\\" \"}\n"],
            "{ \"a\" :\" {\\\" \"}",
        );
        assert_read(&["{}", "{\"a\":1}"], r#"{"a":1}"#);
        assert_read(&["{}", "{}", "{\"a\":1}"], r#"{"a":1}"#);
        assert_read(&["[1", ",2]", "[1,2]"], "[1,2]");
        assert_read(&["[]", "{\"a\":1}"], r#"{"a":1}"#);
        assert_read(&["{}"], "{}");
        assert_read(&["[]"], "[]");
        assert_read(&["{}", " "], "{} ");
    }

    #[test]
    fn two_objects_are_kept() {
        let all = r#"{"a":1}{"a":2}"#;
        for step in 1..all.len() {
            let pieces: Vec<&str> =
                (0..all.len()).step_by(step).map(|at| &all[at..all.len().min(at + step)]).collect();
            assert_read(&pieces, all);
        }
        assert_read(&["{\"a\":1}", "{\"b\":2}"], r#"{"a":1}{"b":2}"#);
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
