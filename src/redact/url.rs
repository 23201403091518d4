const COVERED: &str = "?[redacted]";

/// Returns a URL without query, fragment and user, which may be secret. Returns `None` if the text is not a URL.
pub(super) fn without_secrets(text: &str) -> Option<String> {
    let (scheme, _) = text.split_once("://")?;
    let is_url = is_scheme(scheme) && !text.contains(char::is_whitespace);
    is_url.then(|| covered(text))
}

/// Like [`without_secrets`], for a text that is known to be a URL.
pub(super) fn covered(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (rest, query) = match rest.split_once(['?', '#']) {
        Some((rest, _)) => (rest, COVERED),
        None => (rest, ""),
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}{query}")
}

pub(super) fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'.' | b'-'))
}

/// Returns a data URI without its data; `None` if the text is not a data URI.
pub(super) fn without_data(text: &str) -> Option<String> {
    let (kind, _) = text.split_once(',')?;
    let scheme = kind.get(..5)?;
    let is_uri = scheme.eq_ignore_ascii_case("data:") && !kind.contains(char::is_whitespace);
    is_uri.then(|| format!("{kind},[redacted]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lose_query_fragment_and_user() {
        for (text, expected) in [
            ("https://me:pw@host:8/a/b?key=C#d", Some("https://host:8/a/b?[redacted]")),
            ("https://host#C", Some("https://host?[redacted]")),
            ("HTTP://a@b@host/x@y", Some("HTTP://host/x@y")),
            ("postgres://me:pw@host/db", Some("postgres://host/db")),
            ("gs://bucket/file", Some("gs://bucket/file")),
            ("https://[::1]:80/?a", Some("https://[::1]:80/?[redacted]")),
            ("see https://host/?a", None),
            ("https://host/ is it? Yes", None),
            ("://x?y", None),
            ("mailto:me@host?x", None),
            ("", None),
        ] {
            assert_eq!(without_secrets(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn data_uris_lose_their_data() {
        for (text, expected) in [
            ("data:image/png;base64,aGk=", Some("data:image/png;base64,[redacted]")),
            ("DATA:,hi%20there", Some("DATA:,[redacted]")),
            ("data: a, b", None),
            ("data:image/png", None),
            ("dätä:,", None),
            ("a,b", None),
        ] {
            assert_eq!(without_data(text).as_deref(), expected, "{text}");
        }
    }
}
