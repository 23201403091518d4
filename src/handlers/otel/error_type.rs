use crate::{
    event::{ErrorKind, RunError},
    redact,
};

/// Longer texts are messages, not error codes.
const MAX_CODE: usize = 64;

/// Returns the value of `error.type`: the provider's error code, else the HTTP status, else the kind of failure
/// ([`ErrorKind::as_str`]).
pub(super) fn error_type(error: &RunError) -> String {
    let kind = error.kind();
    if kind != ErrorKind::Provider {
        return kind.as_str().to_owned();
    }
    let code = error.provider_code().filter(|code| is_code(code));
    match (code, error.status()) {
        (Some(code), _) => code.to_owned(),
        (None, Some(status)) => status.to_string(),
        (None, None) => kind.as_str().to_owned(),
    }
}

/// The provider may send any text as a code, even one that quotes an API key.
fn is_code(code: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
    !code.is_empty()
        && code.len() <= MAX_CODE
        && code.chars().all(plain)
        && redact::text(code) == code
}

#[cfg(test)]
mod tests {
    use super::is_code;

    #[test]
    fn codes_are_short_identifiers() {
        for code in ["overloaded_error", "rate_limit_exceeded", "429", "a.b:c-d"] {
            assert!(is_code(code), "{code}");
        }
        let long = "a".repeat(65);
        for text in ["", "two words", "sk-abcdef12345", "é", &long] {
            assert!(!is_code(text), "{text}");
        }
    }
}
