use std::fmt::Write as _;

/// Rewrites a JSON string, which begins at the start of `json`, so that it is valid. Returns its length in `json`
/// and whether a part of it was lost; `None` if it does not end.
pub(super) fn string(json: &str, out: &mut String) -> Option<(usize, bool)> {
    let bytes = json.as_bytes();
    let (mut copied, mut at, mut lossy) = (0, 1, false);
    loop {
        let special = |byte: &u8| matches!(byte, b'"' | b'\\' | ..0x20);
        at += bytes.get(at..)?.iter().position(special)?;
        let (length, replacement) = match bytes[at] {
            b'"' => {
                out.push_str(&json[copied..=at]);
                return Some((at + 1, lossy));
            }
            b'\\' => match (bytes.get(at + 1)?, unit(bytes, at), unit(bytes, at + 6)) {
                (_, Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => (12, None),
                (_, Some(0xD800..=0xDFFF), _) => (6, Some("\\ufffd")),
                (_, Some(_), _) => (6, None),
                (b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..) => (2, None),
                // The backslash of an invalid escape is kept as one.
                _ => (1, Some("\\\\")),
            },
            _ => (1, None),
        };
        lossy |= replacement.is_some();
        if bytes[at] < 0x20 || replacement.is_some() {
            out.push_str(&json[copied..at]);
            copied = at + length;
            match replacement {
                Some(replacement) => out.push_str(replacement),
                // A string can always be written to.
                None => _ = write!(out, "\\u{:04x}", bytes[at]),
            }
        }
        at += length;
    }
}

/// Returns the UTF-16 unit of an escape `\uXXXX` that begins at an index.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, &digit| {
        Some(unit << 4 | u16::try_from(char::from(digit).to_digit(16)?).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::string;

    #[test]
    fn strings_are_rewritten_up_to_their_end() {
        for (json, expected) in [
            (r#""plain" x"#, Some((r#""plain""#, false))),
            (r#""\ud83d\ude00""#, Some((r#""\ud83d\ude00""#, false))),
            (r#""\\ud83d""#, Some((r#""\\ud83d""#, false))),
            (r#""\ud83d""#, Some((r#""\ufffd""#, true))),
            (r#""é\ude00\ud83d\ude00é""#, Some((r#""é\ufffd\ud83d\ude00é""#, true))),
            (r#""\ud83d\ud83d\ude00""#, Some((r#""\ufffd\ud83d\ude00""#, true))),
            (r#""\uD83D\\ude00""#, Some((r#""\ufffd\\ude00""#, true))),
            (r#""\q\u12""#, Some((r#""\\q\\u12""#, true))),
            ("\"\t\"", Some((r#""\u0009""#, false))),
            (r#""\ud83"#, None),
            ("\"\\", None),
            ("\"\\é", None),
        ] {
            let mut out = String::new();
            let found = string(json, &mut out).map(|(_, lossy)| (&*out, lossy));
            assert_eq!(found, expected, "{json}");
        }
    }
}
