use std::env::{self, VarError};

use super::ConfigError;

/// The environment variables of the process, or those of a test.
pub(super) struct Environment<'a>(Option<&'a [(&'a str, &'a str)]>);

impl<'a> Environment<'a> {
    pub(super) fn process() -> Self {
        Self(None)
    }

    #[cfg(test)]
    pub(super) fn of(variables: &'a [(&'a str, &'a str)]) -> Self {
        Self(Some(variables))
    }

    /// Returns the trimmed value of a variable; `None` if it is not set or blank.
    pub(super) fn optional(&self, name: &'static str) -> Result<Option<String>, ConfigError> {
        let value = match self.0 {
            None => env::var(name),
            Some(variables) => {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned()).ok_or(VarError::NotPresent)
            }
        };
        match value {
            // A value read from a file may end in a line break.
            Ok(value) => Ok(Some(value.trim().to_owned()).filter(|value| !value.is_empty())),
            Err(VarError::NotPresent) => Ok(None),
            // Not a source: its text quotes the value.
            Err(VarError::NotUnicode(_)) => Err(ConfigError::invalid(name, "must be valid UTF-8")),
        }
    }

    pub(super) fn api_key(&self, name: &'static str) -> Result<String, ConfigError> {
        self.optional(name)?.ok_or_else(|| {
            ConfigError::missing(name, "is not set: set this environment variable to your API key")
        })
    }
}
