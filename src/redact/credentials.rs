use std::{collections::HashSet, fmt};

use http::{HeaderMap, Uri};

use super::header::is_credential;
use crate::percent::decoded;

const REDACTED: &str = "[redacted]";

/// Shorter values may be words.
const SHORTEST: usize = 8;
/// So many bytes of a longer value are covered too: a message may quote a part of it.
const PART: usize = 12;

/// The credentials of a request. An upstream may quote those that it refuses.
///
/// They are copied, so that they do not keep what the request was read into. They are compared only if a call fails.
// In one allocation, each with a line feed after it.
pub(crate) struct Credentials(Box<[u8]>);

impl Credentials {
    /// Returns those of a request: its headers that are marked as sensitive, and those of its URL. `None` if there are none.
    pub(crate) fn of(headers: &HeaderMap, uri: &Uri) -> Option<Self> {
        let mut all = Vec::new();
        for value in headers.values().filter(|value| value.is_sensitive()) {
            of_header(value.as_bytes(), &mut all);
        }
        for (_, value) in parameters(uri).filter(|(name, _)| is_credential_name(name)) {
            encoded(value, &mut all);
        }
        if let Some((user, _)) = uri.authority().and_then(|it| it.as_str().rsplit_once('@')) {
            user.split(':').for_each(|part| encoded(part, &mut all));
        }
        (!all.is_empty()).then(|| Self(all.into()))
    }

    /// Returns a text with the credentials covered. `None` if it has none.
    pub(crate) fn cover(&self, text: &str) -> Option<String> {
        let parts: HashSet<&[u8]> = self
            .0
            .split(|byte| *byte == b'\n')
            .filter(|value| value.len() >= SHORTEST)
            .flat_map(|value| value.windows(value.len().min(PART)))
            .collect();
        let found = |at: usize| {
            let rest = &text.as_bytes()[at..];
            (SHORTEST..=PART.min(rest.len())).rev().find(|length| parts.contains(&rest[..*length]))
        };
        let mut covered = String::new();
        // Up to where the text is copied, and up to where it is covered.
        let (mut copied, mut end) = (0, 0);
        for at in 0..text.len() {
            let Some(length) = found(at) else { continue };
            if at >= end {
                let start = (copied..=at).rev().find(|at| text.is_char_boundary(*at));
                covered.push_str(&text[copied..start.unwrap_or(copied)]);
                covered.push_str(REDACTED);
            }
            end = end.max(at + length);
            copied = (end..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        }
        if end == 0 {
            return None;
        }
        covered.push_str(&text[copied..]);
        Some(covered)
    }
}

/// Adds the credentials in a header: `Bearer token`, `id=1; session=2`, `Credential=…, Signature=…`.
fn of_header(value: &[u8], all: &mut Vec<u8>) {
    let is_between = |byte: &u8| matches!(byte, b' ' | b'\t' | b',' | b';');
    let words = value.split(is_between);
    // The first of several words without a value is a scheme.
    let has_scheme = value.iter().position(is_between).is_some_and(|end| value[end] == b' ');
    for word in words.skip(usize::from(has_scheme)) {
        add(word, all);
        named(word).into_iter().for_each(|value| add(value, all));
    }
}

/// Adds a credential of a URL, as it is written and as it reads.
fn encoded(value: &str, all: &mut Vec<u8>) {
    add(value.as_bytes(), all);
    if value.contains('%') {
        add(&decoded(value), all);
    }
}

fn add(value: &[u8], all: &mut Vec<u8>) {
    if value.len() >= SHORTEST {
        all.extend_from_slice(value);
        all.push(b'\n');
    }
}

/// Returns the value of a text like `name=value`.
fn named(text: &[u8]) -> Option<&[u8]> {
    let at = text.iter().position(|byte| *byte == b'=')?;
    Some(text[at + 1..].trim_ascii()).filter(|value| value.iter().any(|byte| *byte != b'='))
}

fn parameters(uri: &Uri) -> impl Iterator<Item = (&str, &str)> {
    uri.query().into_iter().flat_map(|query| query.split('&')).filter_map(|it| it.split_once('='))
}

fn is_credential_name(name: &str) -> bool {
    name.eq_ignore_ascii_case("sig") || is_credential(&name.to_ascii_lowercase())
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Request};

    use super::*;
    use crate::redact::mark_sensitive;

    fn credentials(uri: &str, headers: &[(&'static str, &'static str)]) -> Option<Credentials> {
        let mut request = Request::new(());
        *request.uri_mut() = uri.parse().unwrap();
        for (name, value) in headers {
            request.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        mark_sensitive(request.headers_mut());
        Credentials::of(request.headers(), request.uri())
    }

    #[test]
    fn what_a_request_holds_is_covered() {
        let all = credentials(
            "http://me:pa%21sswort@host/v1?key=AQ.que%2Fry&api-version=2024-10-21&SIG=signed-1",
            &[
                ("authorization", "Bearer tok-Zq81.mno+pqr/stu=="),
                ("x-api-key", "12345678"),
                ("api-key", "short"),
                ("cookie", "theme=dark; session=abcdefgh"),
                ("content-type", "application/json"),
            ],
        );
        let all = all.unwrap();
        for (text, expected) in [
            ("Invalid token: tok-Zq81.mno+pqr/stu==.", "Invalid token: [redacted]."),
            ("tok-Zq81.mno+pqr…", "[redacted]…"),
            ("é[redacted]1.mno+pqr/stu==é", "é[redacted][redacted]é"),
            ("x12345678é123456789", "x[redacted]é[redacted]9"),
            ("abcdefgh and abcdefg", "[redacted] and abcdefg"),
            ("key AQ.que/ry or AQ.que%2Fry", "key [redacted] or [redacted]"),
            ("signed-1, pa!sswort, pa%21sswort", "[redacted], [redacted], [redacted]"),
        ] {
            assert_eq!(all.cover(text).as_deref(), Some(expected));
        }
        for text in ["", "Bearer short theme 2024-10-21 application/json tok-Zq81.mn", "é1234567"]
        {
            assert_eq!(all.cover(text), None, "{text}");
        }
    }

    #[test]
    fn a_request_without_credentials_keeps_nothing() {
        assert!(credentials("/v1?alt=sse", &[("accept", "*/*")]).is_none());
        assert!(credentials("http://host/", &[]).is_none());
    }
}
