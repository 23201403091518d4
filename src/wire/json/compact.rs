use std::borrow::Cow;

/// Removes the white space between the tokens of a valid JSON text. Borrows if there is nothing to remove, the
/// common case.
pub(in crate::wire) fn compact(json: &str) -> Cow<'_, str> {
    let mut compact = String::new();
    let (mut copied, mut in_string, mut escaped) = (0, false, false);
    for (at, byte) in json.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            b' ' | b'\n' | b'\r' | b'\t' if !in_string => {
                compact.push_str(&json[copied..at]);
                copied = at + 1;
            }
            _ => {}
        }
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    compact.push_str(&json[copied..]);
    Cow::Owned(compact)
}

#[cfg(test)]
mod tests {
    use super::compact;

    #[test]
    fn white_space_outside_of_strings_is_removed() {
        for (json, expected) in [
            ("", ""),
            (r#"{"a":1}"#, r#"{"a":1}"#),
            ("{ \"b\" :\t1,\r\n \"a\": [ 1 , {} ] }", r#"{"b":1,"a":[1,{}]}"#),
            (r#"{"a b": "c  d\" e\\" , "f": "é 👋"}"#, r#"{"a b":"c  d\" e\\","f":"é 👋"}"#),
            (r#"{"a": "\\\" x"}"#, r#"{"a":"\\\" x"}"#),
        ] {
            assert_eq!(compact(json), expected, "{json}");
        }
    }
}
