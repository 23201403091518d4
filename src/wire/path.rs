//! Paths as servers read them.

use std::borrow::Cow;

use crate::percent::octet;

/// Returns a path as a server reads it: percent-decoded once, without dot segments, repeated slashes and a slash at its
/// end.
///
/// Servers accept many spellings of a path, and answer all of them. Formats and routes are matched with this one, whereas
/// the request goes on as it came. A percent sequence that is invalid, or not UTF-8, stays as it is.
pub(crate) fn normal(path: &str) -> Cow<'_, str> {
    if is_normal(path) {
        return Cow::Borrowed(path);
    }
    // Decoded before it is split: `%2e%2e%2f` is a dot segment to the servers that decode it.
    let decoded = decoded(path);
    let mut segments: Vec<&str> = Vec::new();
    for segment in decoded.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    // A target without a slash is that of `OPTIONS *` or `CONNECT`, or a route that begins with a star.
    let root = if decoded.starts_with('/') { "/" } else { "" };
    Cow::Owned(format!("{root}{}", segments.join("/")))
}

/// Whether a path is certainly its normal form, so that nothing is copied.
fn is_normal(path: &str) -> bool {
    let ends_in_slash = path.len() > 1 && path.ends_with('/');
    let mut pairs = path.as_bytes().windows(2);
    !ends_in_slash
        && !path.starts_with('.')
        && !path.contains('%')
        && !pairs.any(|pair| pair == b"//" || pair == b"/.")
}

/// Decodes the percent sequences of a path that are valid UTF-8.
fn decoded(path: &str) -> String {
    let mut decoded = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        let (before, sequences) = rest.split_at(at);
        decoded.push_str(before);
        let bytes: Vec<u8> = sequences.as_bytes().chunks(3).map_while(octet).collect();
        let mut read = 0;
        for chunk in bytes.utf8_chunks() {
            decoded.push_str(chunk.valid());
            read += chunk.valid().len();
            let invalid = chunk.invalid().len();
            decoded.push_str(&sequences[read * 3..(read + invalid) * 3]);
            read += invalid;
        }
        if bytes.is_empty() {
            decoded.push('%');
            rest = &sequences[1..];
        } else {
            rest = &sequences[bytes.len() * 3..];
        }
    }
    decoded.push_str(rest);
    decoded
}

#[cfg(test)]
mod tests {
    use super::normal;

    #[test]
    fn paths_as_servers_read_them() {
        for (path, expected) in [
            ("/v1/m%65ssages", "/v1/messages"),
            ("/v1/chat%2Fcompletions", "/v1/chat/completions"),
            ("/v1/chat%2fcompletions", "/v1/chat/completions"),
            ("/v1/x/../messages", "/v1/messages"),
            ("/v1/x/%2e%2E/messages", "/v1/messages"),
            ("/v1/x%2f..%2fmessages", "/v1/messages"),
            ("/v1/./messages/.", "/v1/messages"),
            ("/../../v1", "/v1"),
            ("//v1//messages//", "/v1/messages"),
            ("/v1/messages/", "/v1/messages"),
            // Once only.
            ("/v1/m%2565ssages", "/v1/m%65ssages"),
            ("/a%", "/a%"),
            ("/a%2", "/a%2"),
            ("/a%zz%41", "/a%zzA"),
            ("/a%%41", "/a%A"),
            ("/%ff%41%c3%a9", "/%ffAé"),
            ("/%c3/x/..", "/%c3"),
            ("/é%2fé", "/é/é"),
            ("/...", "/..."),
            ("/", "/"),
            ("//", "/"),
            ("", ""),
            ("*", "*"),
            ("*/end/", "*/end"),
        ] {
            assert_eq!(normal(path), expected, "{path}");
        }
    }
}
