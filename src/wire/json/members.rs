use std::{borrow::Cow, ops::Range};

use memchr::memchr;

use super::Nesting;

/// Calls `each` with the name of each member of an object and the range of its value, up to the first fault if
/// the text is truncated or invalid. Values are delimited but not parsed: an invalid value is reported too.
pub(in crate::wire) fn members<'a>(
    json: &'a [u8],
    mut each: impl FnMut(Cow<'a, str>, Range<usize>),
) {
    let mut at = after_blanks(json, 0);
    if json.get(at) != Some(&b'{') {
        return;
    }
    loop {
        let name = after_blanks(json, at + 1);
        let Some(colon) = value_end(json, name).map(|end| after_blanks(json, end)) else { return };
        if json[name] != b'"' || json.get(colon) != Some(&b':') {
            return;
        }
        let Ok(text) = serde_json::from_slice(&json[name..colon]) else { return };
        let value = after_blanks(json, colon + 1);
        let Some(end) = value_end(json, value) else { return };
        each(text, value..end);
        at = after_blanks(json, end);
        if json.get(at) != Some(&b',') {
            return;
        }
    }
}

fn after_blanks(json: &[u8], at: usize) -> usize {
    let blanks = json.get(at..).unwrap_or_default().iter();
    at + blanks.take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// Returns the end of the value that begins at `start`; `None` if there is no value or it does not end.
fn value_end(json: &[u8], start: usize) -> Option<usize> {
    match json.get(start)? {
        b'"' => string_end(json, start),
        b'{' | b'[' => Some(start + Nesting::default().end_in(&json[start..])?),
        _ => {
            let ends = |byte: &u8| matches!(byte, b',' | b':' | b'}' | b']');
            let ends = |byte: &u8| ends(byte) || byte.is_ascii_whitespace();
            let len = json[start..].iter().position(ends)?;
            (len > 0).then_some(start + len)
        }
    }
}

/// Searches for quotes only: in a prompt most escapes are of other characters.
fn string_end(json: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        let quote = at + memchr(b'"', &json[at..])?;
        let slashes = json[at..quote].iter().rev().take_while(|&&byte| byte == b'\\').count();
        at = quote + 1;
        if slashes.is_multiple_of(2) {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::members;

    fn found(json: &str) -> Vec<(String, &str)> {
        let mut found = Vec::new();
        members(json.as_bytes(), |name, range| found.push((name.into_owned(), &json[range])));
        found
    }

    #[test]
    fn values_are_delimited_but_not_parsed() {
        let json =
            r#" { "a" : [ {"b]": "}\"\\"}, 1 ] ,"ä\n":"\\\"" , "c":-1.5e3,"d":null ,"e":{ } } x"#;
        let expected = [
            ("a", r#"[ {"b]": "}\"\\"}, 1 ]"#),
            ("ä\n", r#""\\\"""#),
            ("c", "-1.5e3"),
            ("d", "null"),
            ("e", "{ }"),
        ];
        assert_eq!(found(json), expected.map(|(name, value)| (name.to_owned(), value)));
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
                assert_eq!(found(&format!(r#"{{"a":1,{rest}"#)), [("a".to_owned(), "1")], "{json}");
            }
        }
    }
}
