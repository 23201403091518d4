use std::{borrow::Cow, error::Error, fmt, sync::Arc};

/// The error of an invalid model configuration.
///
/// The message names the field or environment variable and what is right. It never quotes a secret.
///
/// ```
/// use tower_llm_callbacks::model::anthropic::AnthropicConfig;
///
/// let error = AnthropicConfig::new("").validate().unwrap_err();
/// assert!(error.is_missing() && error.field() == "api_key");
/// assert_eq!(error.to_string(), "api_key must not be empty");
/// ```
#[derive(Debug, Clone)]
pub struct ConfigError {
    kind: Kind,
    field: Cow<'static, str>,
    problem: Cow<'static, str>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Missing,
    Invalid,
}

impl ConfigError {
    /// A required value is missing or empty.
    pub(super) fn missing(field: &'static str, problem: impl Into<Cow<'static, str>>) -> Self {
        let (field, problem) = (field.into(), problem.into());
        Self { kind: Kind::Missing, field, problem, source: None }
    }

    /// A value cannot be used. `problem` must not quote it: it may hold a secret.
    pub(super) fn invalid(
        field: impl Into<Cow<'static, str>>,
        problem: impl Into<Cow<'static, str>>,
    ) -> Self {
        let (field, problem) = (field.into(), problem.into());
        Self { kind: Kind::Invalid, field, problem, source: None }
    }

    /// Sets the source, whose text must not quote the value either.
    pub(super) fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Returns the name of the field or environment variable at fault, such as `base_url` or `OPENAI_API_KEY`.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// Returns true if a required value is missing or empty.
    pub fn is_missing(&self) -> bool {
        self.kind == Kind::Missing
    }

    /// Returns true if a value is set but invalid.
    pub fn is_invalid(&self) -> bool {
        self.kind == Kind::Invalid
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.problem)
    }
}

impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.source.as_deref()?;
        Some(source)
    }
}

#[cfg(test)]
mod tests {
    use http::{header::InvalidHeaderName, uri::InvalidUri};

    use super::*;
    use crate::model::openai::OpenAiConfig;

    #[test]
    fn sources_are_not_repeated() {
        let url = OpenAiConfig::without_key("a b").validate().unwrap_err();
        assert!(url.source().unwrap().is::<InvalidUri>());
        let header = OpenAiConfig::new("key").header("a b", "c").validate().unwrap_err();
        assert!(header.source().unwrap().is::<InvalidHeaderName>());
        assert_eq!(header.field(), "header \"a b\"");
        for error in [url, header] {
            assert!(error.is_invalid() && !error.is_missing());
            let source = error.source().unwrap().to_string();
            assert!(!error.to_string().contains(&source), "{error}: {source}");
        }
        assert!(OpenAiConfig::new("\n").validate().unwrap_err().source().is_none());
    }
}
