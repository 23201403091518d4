use memchr::{memchr, memchr2, memchr3};

/// Strings of Base64 and arrays of numbers up to this length are kept.
const KEPT: usize = 256;
/// The bytes that are kept of any other string.
const TEXT_LIMIT: usize = 16 * 1024;
/// An escape of two UTF-16 units is no longer than this.
const ESCAPE: usize = 12;

/// The member of the object that replaces an array of numbers: how many there were.
pub(super) const NUMBERS: &str = "$numbers";
/// The member of the object that replaces a string of Base64: its characters without padding.
pub(super) const BASE64: &str = "$base64";

/// Removes vectors, pictures and sound from JSON texts and events, in pieces of any size, without keeping them.
///
/// A long array of numbers is replaced by `{"$numbers":1536}`, a long string of Base64 by `{"$base64":8192}`. Of other
/// long strings the beginning is kept. All else passes unchanged, so that what follows may be invalid as before.
#[derive(Debug, Default)]
pub(super) struct Skim {
    state: State,
    /// What was read and may be replaced.
    held: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    #[default]
    Between,
    /// In an array. Blanks or numbers are held.
    Array,
    /// In a long array of numbers, with the commas so far.
    Numbers(u64),
    /// In a string. Characters of Base64 are held.
    Word,
    /// In a long string of Base64, with the characters so far.
    Base64 { length: u64, escaped: bool },
    /// In another string, with the bytes that were kept, and how many of them follow the last backslash.
    Text { kept: usize, plain: usize, escaped: bool },
    /// In the part of a string that is left out.
    Dropped { escaped: bool },
}

impl Skim {
    /// Reads a piece, and calls `out` with what remains of it.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut dyn FnMut(&[u8])) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let read = self.step(rest, out);
            rest = &rest[read..];
        }
    }

    /// Ends the text, which is cut if anything is held.
    pub(super) fn finish(&mut self, out: &mut dyn FnMut(&[u8])) {
        out(&std::mem::take(&mut self.held));
    }

    /// Reads a part of a piece that is not empty. Returns its length.
    fn step(&mut self, rest: &[u8], out: &mut dyn FnMut(&[u8])) -> usize {
        match self.state {
            State::Between => {
                let found = memchr2(b'"', b'[', rest);
                let end = found.unwrap_or(rest.len());
                if end > 0 {
                    out(&rest[..end]);
                }
                let Some(at) = found else { return end };
                self.held.push(rest[at]);
                self.state = if rest[at] == b'"' { State::Word } else { State::Array };
                at + 1
            }
            State::Array => self.hold(rest, is_of_numbers, out),
            State::Word => self.hold(rest, is_base64, out),
            State::Numbers(commas) => {
                let end = rest.iter().position(|byte| !is_of_numbers(*byte));
                let part = &rest[..end.unwrap_or(rest.len())];
                let commas = commas + count(part, b',');
                let Some(end) = end else {
                    self.state = State::Numbers(commas);
                    return part.len();
                };
                self.state = State::Between;
                if rest[end] == b']' {
                    out(format!("{{\"{NUMBERS}\":{}}}", commas + 1).as_bytes());
                    return end + 1;
                }
                // An array of other values, too. Its numbers are lost.
                out(b"[");
                end
            }
            State::Base64 { mut length, escaped } => {
                let (end, ended, escaped) = string_part(rest, escaped);
                length += (end - usize::from(ended)) as u64 - count(&rest[..end], b'=');
                self.state = State::Base64 { length, escaped };
                if ended {
                    self.state = State::Between;
                    out(format!("{{\"{BASE64}\":{length}}}").as_bytes());
                    if rest[end - 1] == b'\n' {
                        out(b"\n");
                    }
                }
                end
            }
            State::Dropped { escaped } => {
                let (end, ended, escaped) = string_part(rest, escaped);
                self.state = State::Dropped { escaped };
                if ended {
                    self.state = State::Between;
                    out(&rest[end - 1..end]);
                }
                end
            }
            State::Text { kept, plain, escaped: true } => {
                out(&rest[..1]);
                self.state = State::Text { kept: kept + 1, plain: plain + 1, escaped: false };
                1
            }
            State::Text { kept, plain, escaped: false } => {
                let found = memchr3(b'"', b'\\', b'\n', rest);
                let part = &rest[..found.unwrap_or(rest.len())];
                let bound = TEXT_LIMIT.saturating_sub(kept).max(ESCAPE.saturating_sub(plain));
                // Neither within an escape nor within a character.
                let cut = (bound..part.len()).find(|at| !matches!(part[*at], 0x80..0xC0));
                let end = cut.unwrap_or(part.len());
                if end > 0 {
                    out(&rest[..end]);
                }
                let (kept, plain) = (kept + end, plain.saturating_add(end));
                self.state = match (cut, found.map(|at| rest[at])) {
                    (Some(_), _) => State::Dropped { escaped: false },
                    (None, None) => State::Text { kept, plain, escaped: false },
                    (None, Some(byte)) => {
                        out(&[byte]);
                        match byte {
                            b'\\' => State::Text { kept: kept + 1, plain: 0, escaped: true },
                            _ => State::Between,
                        }
                    }
                };
                end + usize::from(cut.is_none() && found.is_some())
            }
        }
    }

    /// Holds what may be the beginning of something that is replaced, as long as it is short.
    fn hold(&mut self, rest: &[u8], belongs: fn(u8) -> bool, out: &mut dyn FnMut(&[u8])) -> usize {
        let room = (KEPT + 1 - self.held.len()).min(rest.len());
        let end = rest[..room].iter().position(|byte| !belongs(*byte)).unwrap_or(room);
        self.held.extend_from_slice(&rest[..end]);
        let is_array = matches!(self.state, State::Array);
        if end < room {
            // Something else follows.
            let length = self.held.len();
            self.state = match (is_array, rest[end]) {
                (false, b'"') => {
                    self.held.push(b'"');
                    State::Between
                }
                (false, _) => State::Text { kept: length, plain: length, escaped: false },
                (true, _) => State::Between,
            };
            out(&std::mem::take(&mut self.held));
            return end + usize::from(!is_array && rest[end] == b'"');
        }
        if self.held.len() > KEPT {
            let length = self.held.len() as u64 - 1;
            self.state = match is_array {
                true if !self.held.iter().any(u8::is_ascii_digit) => {
                    out(&std::mem::take(&mut self.held));
                    State::Between
                }
                true => State::Numbers(count(&self.held, b',')),
                false => State::Base64 { length: length - count(&self.held, b'='), escaped: false },
            };
            self.held.clear();
        }
        end
    }
}

/// Finds the end of a string, or of its line: JSON has no line ends in strings. Returns the length of what was read,
/// whether its last byte ends the string, and whether a backslash is before the next byte.
fn string_part(rest: &[u8], mut escaped: bool) -> (usize, bool, bool) {
    let mut at = 0;
    while at < rest.len() {
        if std::mem::take(&mut escaped) {
            at += 1;
            continue;
        }
        let Some(found) = memchr3(b'"', b'\\', b'\n', &rest[at..]) else { break };
        at += found + 1;
        match rest[at - 1] {
            b'\\' => escaped = true,
            _ => return (at, true, false),
        }
    }
    (rest.len(), false, escaped)
}

fn count(bytes: &[u8], byte: u8) -> u64 {
    match memchr(byte, bytes) {
        Some(first) => bytes[first..].iter().map(|other| u64::from(*other == byte)).sum(),
        None => 0,
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_')
}

/// Whether a byte may be in an array of numbers, some of which may be `null`, `NaN` or `Infinity`.
fn is_of_numbers(byte: u8) -> bool {
    byte.is_ascii_digit() || byte.is_ascii_whitespace() || b",.+-eEnulNaIfity".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::{Skim, TEXT_LIMIT};

    fn skimmed(text: &str, size: usize) -> String {
        let mut rest = Vec::new();
        let mut skim = Skim::default();
        for piece in text.as_bytes().chunks(size) {
            skim.push(piece, &mut |kept| rest.extend_from_slice(kept));
        }
        skim.finish(&mut |kept| rest.extend_from_slice(kept));
        String::from_utf8(rest).unwrap()
    }

    #[track_caller]
    fn assert_skimmed(text: &str, expected: &str) {
        for size in [1, 2, 3, 7, 64, 1000, text.len().max(1)] {
            assert_eq!(skimmed(text, size), expected, "pieces of {size} bytes");
        }
    }

    #[test]
    fn vectors_and_files_are_replaced() {
        let numbers = ["-0.125", "1e-3", " null", "\n  7"].repeat(100).join(",");
        let base64 = format!("{}==", "Ab/+-_".repeat(100));
        assert_skimmed(
            &format!(r#"{{"a":[{numbers}],"b":"{base64}","c":[[{numbers}],"x"]}}"#),
            r#"{"a":{"$numbers":400},"b":{"$base64":600},"c":[{"$numbers":400},"x"]}"#,
        );
        // A line of an event stream ends a string.
        assert_skimmed(&format!("data: \"{base64}\ndata: x"), "data: {\"$base64\":600}\ndata: x");
        assert_skimmed(&format!("[{numbers},{{}}]"), "[{}]");
    }

    #[test]
    fn all_else_is_unchanged() {
        for text in [
            "",
            "[",
            "\"",
            r#"{"a":[1,2.5],"b":"QUJD","c":[],"d":[ true, {} ],"e":"\"[1,2]\\"}"#,
            "data: {\"text\":\"[1,2\"}\n\nid: \"\n[DONE]\n\n",
            "<p class=\"a\">[1] it's</p>",
        ] {
            assert_skimmed(text, text);
        }
        let blanks = format!("[{}{{}}]", " ".repeat(900));
        assert_skimmed(&blanks, &blanks);
    }

    #[test]
    fn the_beginning_of_a_text_is_kept_whole() {
        for character in ["é ", "\\u00e9 ", "\\ud83d\\ude00", "\\\"", "\\\\", "a b"] {
            let text = format!("{{\"a\":\"{}\",\"b\":1}}", character.repeat(TEXT_LIMIT));
            let kept = skimmed(&text, text.len());
            assert_skimmed(&text, &kept);
            let json: serde_json::Value = serde_json::from_str(&kept).unwrap();
            assert_eq!(json["b"], 1);
            // A text of nothing but escapes has no place to be cut at.
            assert!(kept.len() < TEXT_LIMIT + 100 || character.starts_with('\\'), "{character}");
        }
    }
}
