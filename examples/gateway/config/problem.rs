use std::fmt;

/// What is wrong with a setting, and what to do about it.
#[derive(Debug)]
pub(crate) struct Problem {
    /// The key, such as `upstreams[0].url`.
    pub(super) key: String,
    pub(super) message: String,
}

impl Problem {
    pub(crate) fn new(key: impl Into<String>, message: impl fmt::Display) -> Self {
        Self { key: key.into(), message: message.to_string() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

/// Reads a secret from the environment, so that it is neither in the file nor on the command line.
pub(super) fn secret(variable: &str, key: impl Into<String>) -> Result<String, Problem> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if variable.is_empty() || !variable.bytes().all(is_name) {
        // It may be the secret itself, by mistake: the message does not repeat it.
        let message = "expected the name of an environment variable, such as ANTHROPIC_API_KEY";
        return Err(Problem::new(key, message));
    }
    match std::env::var(variable) {
        Ok(value) if !value.is_empty() => Ok(value),
        _ => Err(Problem::new(
            key,
            format!(
                "the environment variable {variable} is not set: set it before the gateway starts"
            ),
        )),
    }
}
