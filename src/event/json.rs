//! Writes JSON straight into a buffer. It is the same text as `serde_json`'s, with escapes found many bytes at a time.

use std::io;

use serde::Serialize;
use serde_json::{Map, Value};

/// The bytes that are looked at together. Long enough for vector instructions, short enough for a token.
const CHUNK: usize = 16;

/// Appends a string.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let plain = plain_length(rest);
        let (copied, after) = rest.split_at(plain);
        out.extend_from_slice(copied);
        rest = after;
        if let Some((&byte, after)) = rest.split_first() {
            write_escape(byte, out);
            rest = after;
        }
    }
    out.push(b'"');
}

/// Returns the number of bytes before the first one that must be escaped.
fn plain_length(bytes: &[u8]) -> usize {
    let (chunks, rest) = bytes.as_chunks::<CHUNK>();
    // Without a branch for each byte, so that the compiler vectorizes it.
    let is_plain = |chunk: &&[u8; CHUNK]| {
        !chunk.iter().fold(false, |found, &byte| found | must_be_escaped(byte))
    };
    let plain = CHUNK * chunks.iter().take_while(is_plain).count();
    let tail = if plain < CHUNK * chunks.len() { &bytes[plain..plain + CHUNK] } else { rest };
    plain + tail.iter().take_while(|&&byte| !must_be_escaped(byte)).count()
}

#[inline]
fn must_be_escaped(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x0C => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            return;
        }
    };
    out.extend([b'\\', short]);
}

/// Appends a value.
pub(crate) fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        // It writes itself, and a vector takes all of it.
        Value::Number(number) => _ = io::Write::write_fmt(out, format_args!("{number}")),
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (nth, item) in items.iter().enumerate() {
                out.extend(Some(b',').filter(|_| nth > 0));
                write_value(item, out);
            }
            out.push(b']');
        }
        Value::Object(members) => write_members(members, out),
    }
}

/// Appends an object.
pub(crate) fn write_members(members: &Map<String, Value>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (nth, (name, value)) in members.iter().enumerate() {
        out.extend(Some(b',').filter(|_| nth > 0));
        write_text(name, out);
        out.push(b':');
        write_value(value, out);
    }
    out.push(b'}');
}

/// Appends anything else.
pub(crate) fn write(value: &impl Serialize, out: &mut Vec<u8>) -> serde_json::Result<()> {
    serde_json::to_writer(out, value)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{write_text, write_value};

    #[test]
    fn strings_are_those_of_serde_json() {
        let mut texts: Vec<String> =
            (0..=0x7Fu8).map(|byte| char::from(byte).to_string()).collect();
        texts.extend(["".into(), "äöü€😀".into(), "\u{2028}\u{FFFD}".into()]);
        // An escape at every place of a chunk and around its ends.
        for length in 0..50 {
            texts.push("x".repeat(length));
            texts.extend(
                (0..length).map(|at| format!("{}\"{}", "x".repeat(at), "é".repeat(length - at))),
            );
        }
        for text in texts {
            let mut out = Vec::new();
            write_text(&text, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(&text).unwrap());
        }
    }

    #[test]
    fn values_are_those_of_serde_json() {
        let value: Value = json!({
            "a\n": [null, true, false, 0, -1, u64::MAX, i64::MIN, 1.0, 1e300, -0.0, "\t", [], {}],
            "b": {"c": [[1], {"d": "e"}]},
        });
        let mut out = Vec::new();
        write_value(&value, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
    }
}
