use http::{Uri, uri::InvalidUri};

use super::ConfigError;

const FIELD: &str = "base_url";

/// The requirements of a base URL.
#[derive(Debug, Clone, Copy)]
pub(super) struct BaseUrl {
    /// A valid base URL.
    pub(super) example: &'static str,
    /// A path that is appended to a base URL.
    pub(super) path: &'static str,
    /// Suffixes of URLs that already contain a part of `path`.
    pub(super) excess: &'static [&'static str],
}

impl BaseUrl {
    /// Returns the URL to which paths are appended.
    ///
    /// Errors do not quote the base URL, which may hold a secret.
    pub(super) fn check<'a>(&self, base: &'a str) -> Result<&'a str, ConfigError> {
        let Self { example, path, excess } = self;
        let invalid = |problem: &'static str| Err(ConfigError::invalid(FIELD, problem));
        let base = base.trim_end_matches('/');
        let parsed = base.parse::<Uri>().map_err(|error| {
            ConfigError::invalid(FIELD, format!("is not a URL such as {example}"))
                .with_source(error)
        })?;
        if !matches!(parsed.scheme_str(), Some("http" | "https")) {
            return invalid("must begin with https:// or http://");
        }
        if parsed.authority().is_none_or(|authority| authority.as_str().contains('@')) {
            return invalid("must not contain a user or password: set api_key or a header");
        }
        if parsed.query().is_some() || base.contains('#') {
            return invalid("must not have a query or fragment: set a header instead");
        }
        if excess.iter().any(|suffix| parsed.path().ends_with(suffix)) {
            let problem = format!("must be the part that comes before {path}, which is appended");
            return Err(ConfigError::invalid(FIELD, problem));
        }
        let whole = format!("{base}{path}").parse::<Uri>();
        whole.map(|_| base).map_err(|error: InvalidUri| {
            ConfigError::invalid(FIELD, "is too long").with_source(error)
        })
    }

    /// Returns the URL for debug output if it is valid. An invalid one may hold a secret.
    pub(super) fn debug<'a>(&self, base: &'a str) -> &'a str {
        if self.check(base).is_ok() { base } else { "[invalid]" }
    }
}
