use std::borrow::Cow;

/// A JSON text without the white space between its tokens; it is valid already.
pub(super) fn compact(json: &str) -> Cow<'_, str> {
    let (mut in_string, mut escaped) = (false, false);
    let mut blank = |c: char| {
        if in_string {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => in_string = false,
                _ => {}
            }
            return false;
        }
        in_string = c == '"';
        matches!(c, ' ' | '\t' | '\r' | '\n')
    };
    // Mostly there is none.
    let Some(first) = json.find(&mut blank) else { return Cow::Borrowed(json) };
    let (before, rest) = json.split_at(first);
    let mut text = before.to_owned();
    text.extend(rest[1..].chars().filter(|c| !blank(*c)));
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::compact;

    #[test]
    fn only_white_space_outside_of_strings_goes() {
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
