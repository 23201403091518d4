use std::{borrow::Cow, cmp::Reverse, collections::HashMap, ops::Range};

use super::{nesting::Nesting, string::string};

/// The levels of nesting that are kept. serde_json reads 128, and a struct or two are around each text.
const MAX_DEPTH: usize = 100;

/// A JSON text that serde reads, in place of one that it does not read.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::wire) struct Repaired {
    pub(in crate::wire) text: String,
    /// A part of the text was lost: a lone surrogate, a value that is not JSON, or one that is nested too deeply.
    pub(in crate::wire) lossy: bool,
}

/// Rewrites what the clients of a provider read and serde does not read. Returns `None` if the text is not one
/// JSON object, array or string, even so.
///
/// - Of a repeated member the last one is kept, as by the parsers of JavaScript and Python.
/// - `NaN`, `Infinity` and numbers that are out of range, which Python writes and reads, become null; so do
///   invalid values, which are lost.
/// - Lone surrogates, which providers send if they split an answer inside a UTF-16 pair, become U+FFFD.
/// - Control characters and invalid escapes in strings are escaped; trailing commas are removed.
pub(in crate::wire) fn repair(json: &str) -> Option<Repaired> {
    if !json.trim_ascii_start().starts_with(['{', '[', '"']) {
        return None;
    }
    let out = String::with_capacity(json.len());
    let mut repair = Repair { json, at: 0, out, dropped: Vec::new(), lossy: false };
    repair.value(0, 0)?;
    repair.skip_blanks();
    (repair.at == json.len()).then(|| repair.finish())
}

struct Repair<'a> {
    json: &'a str,
    at: usize,
    out: String,
    /// Ranges of `out` with repeated members.
    dropped: Vec<Range<usize>>,
    lossy: bool,
}

impl<'a> Repair<'a> {
    fn peek(&self) -> Option<u8> {
        self.json.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Reads a byte after blanks, if it is the given one.
    fn take(&mut self, byte: u8) -> bool {
        self.skip_blanks();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn lost(&mut self) {
        self.out.push_str("null");
        self.lossy = true;
    }

    /// Reads a value within an object or an array that ends with `close`.
    fn value(&mut self, depth: usize, close: u8) -> Option<()> {
        self.skip_blanks();
        match self.peek()? {
            b'{' | b'[' if depth == MAX_DEPTH => {
                self.at += Nesting::default().end_in(&self.json.as_bytes()[self.at..])?;
                self.lost();
            }
            b'{' => self.object(depth)?,
            b'[' => self.array(depth)?,
            b'"' => self.string()?,
            // The value is missing.
            byte if byte == b',' || byte == close => self.lost(),
            b'}' | b']' => return None,
            _ => self.word(),
        }
        Some(())
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        self.at += 1;
        self.out.push('{');
        let mut members: HashMap<Cow<'a, str>, Range<usize>> = HashMap::new();
        while !self.take(b'}') {
            if !members.is_empty() && self.take(b',') {
                continue;
            }
            let (start, from) = (self.out.len(), self.at);
            if self.peek()? != b'"' {
                return None;
            }
            self.string()?;
            let name = &self.json[from..self.at];
            if !self.take(b':') {
                return None;
            }
            self.out.push(':');
            self.value(depth + 1, b'}')?;
            self.out.push(',');
            self.ended(b'}')?;
            if let Some(before) = members.insert(decoded(name), start..self.out.len()) {
                self.dropped.push(before);
            }
        }
        self.close(!members.is_empty(), '}');
        Some(())
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        self.at += 1;
        self.out.push('[');
        let mut filled = false;
        while !self.take(b']') {
            if filled && self.take(b',') {
                continue;
            }
            self.peek()?;
            self.value(depth + 1, b']')?;
            self.out.push(',');
            self.ended(b']')?;
            filled = true;
        }
        self.close(filled, ']');
        Some(())
    }

    /// Whether a member or an item is followed by what may follow it.
    fn ended(&mut self, close: u8) -> Option<()> {
        self.skip_blanks();
        let next = self.peek()?;
        (next == b',' || next == close).then_some(())
    }

    fn close(&mut self, filled: bool, bracket: char) {
        if filled {
            // The comma behind the last one, which is never dropped here.
            self.out.pop();
        }
        self.out.push(bracket);
    }

    fn string(&mut self) -> Option<()> {
        let rest = &self.json[self.at..];
        let (length, lossy) = string(rest, &mut self.out)?;
        self.at += length;
        self.lossy |= lossy;
        Some(())
    }

    /// Reads a number, a literal, or a value that is neither.
    fn word(&mut self) {
        let rest = &self.json[self.at..];
        let ends = |char: char| matches!(char, ',' | '}' | ']') || char.is_ascii_whitespace();
        let word = &rest[..rest.find(ends).unwrap_or(rest.len())];
        self.at += word.len();
        let kept = match word {
            "true" | "True" => "true",
            "false" | "False" => "false",
            "null" | "None" => "null",
            _ if serde_json::from_str::<f64>(word).is_ok() => word,
            // Rust reads `NaN`, `Infinity`, and numbers that are out of range as infinite.
            _ if word.parse::<f64>().is_ok_and(|number| !number.is_finite()) => "null",
            _ => return self.lost(),
        };
        self.out.push_str(kept);
    }

    fn finish(mut self) -> Repaired {
        self.dropped.sort_unstable_by_key(|range| (range.start, Reverse(range.end)));
        let (mut text, mut at) = (String::with_capacity(self.out.len()), 0);
        // A dropped member may contain others.
        for Range { start, end } in self.dropped {
            if start >= at {
                text.push_str(&self.out[at..start]);
                at = end;
            }
        }
        text.push_str(&self.out[at..]);
        Repaired { text, lossy: self.lossy }
    }
}

/// Returns the name of a member, given as it is written.
fn decoded(name: &str) -> Cow<'_, str> {
    match name.contains('\\') {
        true => serde_json::from_str(name).map_or(Cow::Borrowed(name), Cow::Owned),
        false => Cow::Borrowed(&name[1..name.len() - 1]),
    }
}

#[cfg(test)]
mod tests {
    use super::repair;

    #[track_caller]
    fn assert_repaired(json: &str, expected: Option<(&str, bool)>) {
        let repaired = repair(json);
        let found = repaired.as_ref().map(|it| (&*it.text, it.lossy));
        assert_eq!(found, expected, "{json}");
        if let Some((text, _)) = found {
            serde_json::from_str::<serde_json::Value>(text).unwrap();
        }
    }

    #[test]
    fn what_clients_read_is_rewritten_without_loss() {
        for (json, expected) in [
            (r#"{"a":1}"#, r#"{"a":1}"#),
            (r#" { "a" : [ 1 , "b c" ] } "#, r#"{"a":[1,"b c"]}"#),
            (r#"{"a":1,"b":2,"a":3}"#, r#"{"b":2,"a":3}"#),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
            (r#"{"a":{"b":1,"b":2},"\u0061":{"c":1,"c":2}}"#, r#"{"\u0061":{"c":2}}"#),
            (r#"[{"a":1,"a":2},{"a":3}]"#, r#"[{"a":2},{"a":3}]"#),
            ("[NaN,-Infinity,Infinity,nan,1e400,-1e400]", "[null,null,null,null,null,null]"),
            ("[True,False,None,1e5,-0.5]", "[true,false,null,1e5,-0.5]"),
            ("[1,]", "[1]"),
            (r#"{"a":1,}"#, r#"{"a":1}"#),
            ("{}", "{}"),
            ("[]", "[]"),
            ("\"a\nb\"", "\"a\\u000ab\""),
        ] {
            assert_repaired(json, Some((expected, false)));
        }
    }

    #[test]
    fn a_value_that_is_not_json_is_lost_alone() {
        let deep = format!("{{\"a\":{}{},\"b\":1}}", "[".repeat(200), "]".repeat(200));
        let kept = format!("{{\"a\":{}null{},\"b\":1}}", "[".repeat(99), "]".repeat(99));
        for (json, expected) in [
            (r#"{"a":undefined,"b":1}"#, r#"{"a":null,"b":1}"#),
            (r#"{"a":,"b":1}"#, r#"{"a":null,"b":1}"#),
            (r#"{"a":01,"b":"\ud800"}"#, r#"{"a":null,"b":"\ufffd"}"#),
            (&deep, &kept),
        ] {
            assert_repaired(json, Some((expected, true)));
        }
    }

    #[test]
    fn a_truncated_text_is_not_repaired() {
        for json in [
            "",
            " ",
            "{",
            "[",
            "\"",
            "\"\\",
            "{\"a",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,",
            "[1",
            "[1,",
            "{} {}",
            "{}}",
            "{a:1}",
            "{\"a\" 1}",
            "[1 2]",
            "{,}",
            "{\"a\":\"b\"x}",
        ] {
            assert_repaired(json, None);
        }
    }
}
