//! Values that identify a person or a machine, whatever their name.

use super::{
    identity::{self, Identity},
    text::text,
};

const REDACTED: &str = "[redacted]";

/// Beginnings of paths in somebody's home.
const HOMES: [&str; 6] = ["/home/", "/Users/", "/root/", "~/", "file://", "\\\\"];

/// Whether a value is an e-mail address, a path in somebody's home, or a Git remote.
pub(super) fn is_personal(value: &str) -> bool {
    let value = value.trim();
    if value.is_empty() || value.len() > 4096 || value.contains(['\n', '\r']) {
        return false;
    }
    let drive =
        matches!(value.as_bytes(), [drive, b':', b'\\' | b'/', ..] if drive.is_ascii_alphabetic());
    let home = drive || HOMES.iter().any(|home| value.starts_with(home));
    let git = value.starts_with("git@") || (value.ends_with(".git") && value.contains('/'));
    home || ((git || is_email(value)) && !value.contains(' '))
}

fn is_email(value: &str) -> bool {
    let Some((name, domain)) = value.rsplit_once('@') else { return false };
    let of_name = |c: char| c.is_alphanumeric() || ".!#$%&'*+-/=?^_`{|}~".contains(c);
    let of_domain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-');
    let name = name.strip_prefix("mailto:").unwrap_or(name);
    !name.is_empty()
        && name.chars().all(of_name)
        && domain.chars().all(of_domain)
        && domain.split('.').filter(|label| !label.is_empty()).count() > 1
}

/// Whether a value is an id that may be kept: no text, no key, no address.
pub(super) fn is_plain_id(value: &str) -> bool {
    let of_id = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
    (1..=200).contains(&value.len())
        && value.bytes().all(of_id)
        && !is_personal(value)
        && text(value) == value
}

/// Covers a value that identifies a person. Of one that is composed of ids with their labels, such as Claude Code's
/// `user_…_account_…_session_…`, the session stays.
pub(super) fn covered(value: &str) -> String {
    let labels: Vec<Identity> = value.split('_').map(label).collect();
    if !labels.contains(&Identity::Session) || !labels.contains(&Identity::Person) {
        return REDACTED.to_owned();
    }
    let mut parts: Vec<&str> = Vec::new();
    let mut keeps = false;
    for (part, identity) in value.split('_').zip(labels) {
        match identity {
            Identity::Neither if part.is_empty() || (keeps && is_plain_id(part)) => {
                parts.push(part);
            }
            Identity::Neither if parts.last() == Some(&REDACTED) => {}
            Identity::Neither => parts.push(REDACTED),
            label => {
                keeps = label == Identity::Session;
                parts.push(part);
            }
        }
    }
    parts.join("_")
}

/// What a part of a composed value labels: only words do.
fn label(part: &str) -> Identity {
    let is_word = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    if is_word { identity::of(part) } else { Identity::Neither }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_values() {
        for value in [
            "me@example.com",
            "first.last+tag@sub.example.co.uk",
            "mailto:me@example.com",
            "/home/me/src",
            "/Users/me",
            "C:\\Users\\me",
            "~/src",
            "git@github.com:me/repo.git",
            "https://github.com/me/repo.git",
            "file:///x/y",
        ] {
            assert!(is_personal(value), "{value}");
        }
        for value in [
            "",
            "gpt-4@latest",
            "claude@20250929",
            "see me@example.com",
            "/v1/x",
            "a@b",
            "@",
            "x.git",
        ] {
            assert!(!is_personal(value), "{value}");
        }
    }

    #[test]
    fn the_session_of_a_composed_value_stays() {
        for (value, expected) in [
            (
                "user_0a1b_account_77-88_session_99-aa",
                "user_[redacted]_account_[redacted]_session_99-aa",
            ),
            ("user_0a1b_account__session_99-aa", "user_[redacted]_account__session_99-aa"),
            ("user_me_too_session_1", "user_[redacted]_session_1"),
            ("session_1_user_me", "session_1_user_[redacted]"),
            ("user_0a1b_session_a@b.example", "user_[redacted]_session_[redacted]"),
            ("user_0a1b", "[redacted]"),
            ("session_1", "[redacted]"),
            ("me", "[redacted]"),
        ] {
            assert_eq!(covered(value), expected);
        }
    }
}
