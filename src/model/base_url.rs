use http::Uri;

use super::ConfigError;

/// What is wanted of a base URL.
pub(super) struct BaseUrl {
    /// One that is right.
    pub(super) example: &'static str,
    /// What is added to it.
    pub(super) path: &'static str,
    /// Ends of URLs that have some of it already.
    pub(super) too_much: &'static [&'static str],
}

impl BaseUrl {
    /// The URL of requests.
    ///
    /// It is not quoted in errors: what is wrong with it may be that it holds a secret.
    pub(super) fn uri(&self, base: &str) -> Result<Uri, ConfigError> {
        let Self { example, path, too_much } = self;
        let wrong = |what: String| Err(ConfigError::new(format!("the base URL {what}")));
        let base = base.trim_end_matches('/');
        let Ok(parsed) = base.parse::<Uri>() else {
            return wrong(format!("is not a URL: give one such as {example}"));
        };
        match parsed.scheme_str() {
            Some("http" | "https") => {}
            _ => return wrong("must begin with https:// or http://".to_owned()),
        }
        if parsed.authority().is_none_or(|authority| authority.as_str().contains('@')) {
            let what = "must not hold a user or password: the key is sent in a header";
            return wrong(what.to_owned());
        }
        if parsed.query().is_some() || base.contains('#') {
            return wrong("must not have a query or fragment: put it into a header".to_owned());
        }
        if too_much.iter().any(|end| parsed.path().ends_with(end)) {
            return wrong(format!("must be what comes before {path}, which is added to it"));
        }
        match format!("{base}{path}").parse() {
            Ok(uri) => Ok(uri),
            Err(_) => wrong("is too long".to_owned()),
        }
    }

    /// The URL where it can be used: another may hold a secret.
    pub(super) fn shown<'a>(&self, base: &'a str) -> &'a str {
        if self.uri(base).is_ok() { base } else { "[not usable]" }
    }
}
