use std::borrow::Cow;

use super::url::{covered, is_scheme};

const REDACTED: &str = "[redacted]";

/// Prefixes of API keys.
pub(crate) const KEYS: [&str; 6] = ["sk-", "AIza", "gsk_", "xai-", "ya29.", "pplx-"];
/// A key is longer than this, not counting its prefix. Shorter matches may be words.
const SHORTEST: usize = 5;

/// Texts that precede a key, in any case.
const BEFORE: [&str; 2] = ["bearer ", "key provided: "];

/// Parts of names of headers and members that hold credentials.
const NAMES: [&str; 10] = [
    "api-key",
    "api_key",
    "apikey",
    "auth-token",
    "auth_token",
    "access_token",
    "authorization",
    "cookie",
    "password",
    "secret",
];
/// Authentication schemes that precede credentials.
const SCHEMES: [&str; 2] = ["basic ", "token "];

/// Redacts secrets in a human-readable text, such as an error message: the query and user of URLs, and anything
/// that looks like a key.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    let mut safe = String::new();
    let (mut copied, mut at) = (0, 0);
    let mut in_word = false;
    while let Some(next) = text[at..].chars().next() {
        let found = if in_word { None } else { secret(&text[at..]) };
        if let Some((length, cover)) = found {
            safe.push_str(&text[copied..at]);
            safe.push_str(&cover);
            at += length;
            copied = at;
            continue;
        }
        in_word = next.is_ascii_alphanumeric() || matches!(next, '_' | '-');
        at += next.len_utf8();
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    safe.push_str(&text[copied..]);
    Cow::Owned(safe)
}

/// Returns the length and the replacement of the secret that a text begins with.
fn secret(text: &str) -> Option<(usize, String)> {
    if !text.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return None;
    }
    if let Some(length) = url(text) {
        return Some((length, covered(&text[..length])));
    }
    for start in KEYS {
        if let Some(rest) = text.strip_prefix(start) {
            let length = key(rest);
            return (length > SHORTEST)
                .then(|| (start.len() + length, format!("{start}{REDACTED}")));
        }
    }
    if let Some((start, length)) = named(text) {
        return Some((start + length, format!("{}{REDACTED}", &text[..start])));
    }
    BEFORE.into_iter().find_map(|before| {
        let start = text.get(..before.len())?;
        let rest = &text[start.len()..];
        let length = key(rest);
        // `bearer` may also be followed by a word.
        let plain = rest[..length].bytes().all(|byte| byte.is_ascii_alphabetic()) && length < 20;
        // Nothing is left of a key that is all stars.
        let is_hidden = rest[..length].bytes().all(|byte| byte == b'*');
        let word = is_hidden || before == BEFORE[0] && plain;
        (start.eq_ignore_ascii_case(before) && length > 0 && !word)
            .then(|| (start.len() + length, format!("{start}{REDACTED}")))
    })
}

/// Returns the start and length of the value in a text like `x-api-key: value`.
fn named(text: &str) -> Option<(usize, usize)> {
    let of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    // Credential names are shorter than this.
    let end = text.bytes().take(64).position(|byte| !of_name(byte.into()))?;
    let name = text[..end].to_ascii_lowercase();
    let rest = text[end..].trim_start_matches(['"', '\'', '\\']);
    let rest = rest.strip_prefix([':', '=']).filter(|rest| !rest.starts_with("//"))?;
    if !NAMES.iter().any(|part| name.contains(part)) {
        return None;
    }
    let mut value = rest.trim_start_matches([' ', '"', '\'', '\\']);
    for scheme in SCHEMES {
        if value.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)) {
            value = &value[scheme.len()..];
        }
    }
    let length = key(value);
    // Left to the rule for `bearer`, which keeps that word.
    let bearer = value.get(..BEFORE[0].len()).is_some_and(|it| it.eq_ignore_ascii_case(BEFORE[0]));
    (length > SHORTEST && !bearer).then_some((text.len() - value.len(), length))
}

/// Returns the length of the key that a text begins with. Providers quote some keys with stars in them.
fn key(text: &str) -> usize {
    let of_key = |c: char| c.is_ascii_alphanumeric() || "-_.*~+/=:…".contains(c);
    let end = text.find(|c| !of_key(c)).unwrap_or(text.len());
    // Punctuation that ends the sentence.
    text[..end].trim_end_matches(['.', ':']).len()
}

/// Returns the length of the URL that a text begins with.
fn url(text: &str) -> Option<usize> {
    // URL schemes are shorter than this.
    let colon = text.bytes().take(32).position(|byte| byte == b':')?;
    if !text[colon..].starts_with("://") || !is_scheme(&text[..colon]) {
        return None;
    }
    let mut open = 0_u32;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let ends = match c {
            c if c.is_whitespace() || c.is_control() => true,
            '"' | '<' | '>' | '`' | '\\' => true,
            '(' | '[' | '{' => {
                open += 1;
                false
            }
            ')' | ']' | '}' if open > 0 => {
                open -= 1;
                false
            }
            // These may also be part of a URL that continues.
            ')' | ']' | '}' | '\'' | ',' | ';' | '.' | ':' if open == 0 => chars
                .peek()
                .is_none_or(|(_, next)| next.is_whitespace() || ")]}'\".,;:".contains(*next)),
            _ => false,
        };
        // The colon after the scheme does not end the URL.
        if ends && at > colon {
            return Some(at);
        }
    }
    Some(text.len())
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn urls_and_keys_are_redacted() {
        for (message, expected) in [
            (
                "error sending request for url (https://me:pw@host/path?key=SECRET)",
                "error sending request for url (https://host/path?[redacted])",
            ),
            ("https://host/p?key=S", "https://host/p?[redacted]"),
            ("GET \"https://host/?a=(b)&key=S\", then", "GET \"https://host/?[redacted]\", then"),
            ("'wss://u@[::1]:80/x#S'.", "'wss://[::1]:80/x?[redacted]'."),
            ("see https://host/a?b)&key=S for more", "see https://host/a?[redacted] for more"),
            (
                "a https://x/?S, b http://y/?S; c",
                "a https://x/?[redacted], b http://y/?[redacted]; c",
            ),
            ("{\\\"url\\\":\\\"https://h/?S\\\"}", "{\\\"url\\\":\\\"https://h/?[redacted]\\\"}"),
            ("proxy=http://me:pw@host:1", "proxy=http://host:1"),
            ("postgres://me:pw@host/db", "postgres://host/db"),
            (
                "Incorrect API key provided: sk-proj-****************abcd. You can find it at https://h/keys.",
                "Incorrect API key provided: [redacted]. You can find it at https://h/keys.",
            ),
            ("Incorrect API key provided: mine.", "Incorrect API key provided: [redacted]."),
            ("key sk-ant-api03-AbC_1-x, no", "key sk-[redacted], no"),
            ("(AIzaSyA1234567)", "(AIza[redacted])"),
            ("gsk_abcdef123 xai-abcdef123", "gsk_[redacted] xai-[redacted]"),
            ("authorization: Bearer ey.J0-_x/+=", "authorization: Bearer [redacted]"),
            ("BEARER abc123é", "BEARER [redacted]é"),
            ("x-api-key: abcdef, host: h", "x-api-key: [redacted], host: h"),
            ("Authorization: Basic bWU6cHc=", "Authorization: Basic [redacted]"),
            ("{\\\"api_key\\\":\\\"abcdef\\\"}", "{\\\"api_key\\\":\\\"[redacted]\\\"}"),
            ("client_secret=abc123&x=1", "client_secret=[redacted]&x=1"),
            ("é sk-é1234567 \u{1F44B}sk-1234567", "é sk-é1234567 \u{1F44B}sk-[redacted]"),
        ] {
            assert_eq!(text(message), expected);
            assert_eq!(text(expected), expected, "again");
        }
    }

    #[test]
    fn other_text_is_unchanged() {
        for message in [
            "",
            "Overloaded",
            "a task-1234567 and a desk-abcdefgh",
            "sk-learn",
            "no x-api-key: none",
            "the password is wrong, the secret too",
            "a bearer token is missing: Bearer authentication is needed",
            "ratio 1://2?3",
            "see https://host/docs/errors. And http://[::1]/x",
            "://?",
            "héllo 👋 東京",
            "bearer",
            "key provided: ",
            "Incorrect API key provided: ***********. You can find it there.",
        ] {
            let same = text(message);
            assert!(matches!(same, std::borrow::Cow::Borrowed(_)) || same == message, "{same}");
            assert_eq!(same, message);
        }
    }
}
