use crate::{
    event::{ErrorKind, RunError},
    redact,
};

/// A code is a word, not a sentence.
const MAX_CODE: usize = 64;

/// `error.type`: the provider's own code, else the HTTP status, else what kind of failure it was:
/// `provider`, `transport`, `truncated`, `cancelled`, `aborted`, `panic`.
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

/// Whatever stands there is the provider's choice: it may be a text, and even quote a key.
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
    fn what_is_a_code() {
        for code in ["overloaded_error", "rate_limit_exceeded", "429", "a.b:c-d"] {
            assert!(is_code(code), "{code}");
        }
        let long = "a".repeat(65);
        for text in ["", "two words", "sk-abcdef12345", "é", &long] {
            assert!(!is_code(text), "{text}");
        }
    }
}
