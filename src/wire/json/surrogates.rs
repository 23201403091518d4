use memchr::memchr;

/// Replaces escapes of lone surrogates, which are not valid text, by the escape of U+FFFD. Returns `None` if
/// the JSON text has no lone surrogates.
///
/// Providers send them if they split an answer inside a UTF-16 pair.
pub(super) fn repair(json: &str) -> Option<String> {
    let bytes = json.as_bytes();
    let mut repaired = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = memchr(b'\\', &bytes[at..]) {
        let escape = at + found;
        at = match (unit(bytes, escape), unit(bytes, escape + 6)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => escape + 12,
            (Some(0xD800..=0xDFFF), _) => {
                repaired.push_str(&json[copied..escape]);
                repaired.push_str("\\ufffd");
                copied = escape + 6;
                copied
            }
            (Some(_), _) => escape + 6,
            (None, _) => (escape + 2).min(bytes.len()),
        };
    }
    (copied > 0).then(|| {
        repaired.push_str(&json[copied..]);
        repaired
    })
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
    use super::repair;

    #[test]
    fn only_lone_surrogates_are_replaced() {
        for (json, expected) in [
            (r#""plain""#, None),
            (r#""\ud83d\ude00""#, None),
            (r#""\\ud83d""#, None),
            (r#""\ud83d""#, Some(r#""\ufffd""#)),
            (r#""é\ude00\ud83d\ude00é""#, Some(r#""é\ufffd\ud83d\ude00é""#)),
            (r#""\ud83d\ud83d\ude00""#, Some(r#""\ufffd\ud83d\ude00""#)),
            (r#""\uD83D\\ude00""#, Some(r#""\ufffd\\ude00""#)),
            (r#""\ud83"#, None),
            ("\\", None),
            ("\\é", None),
        ] {
            assert_eq!(repair(json).as_deref(), expected, "{json}");
        }
    }
}
