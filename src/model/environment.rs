use std::env;

use super::ConfigError;

/// The value of an environment variable, if it is set.
pub(super) fn variable(name: &str) -> Result<Option<String>, ConfigError> {
    match env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => {
            Err(ConfigError::new(format!("the environment variable {name} is not UTF-8")))
        }
    }
}

/// A value without the white space around it, such as the line break of a file that it was read from;
/// none where nothing is left.
pub(super) fn filled(value: Option<String>) -> Option<String> {
    value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}
