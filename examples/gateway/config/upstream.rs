use axum::http::Uri;
use serde::{Deserialize, Deserializer, de::Error};

use super::{Problem, problem::secret};
use crate::upstream::{Upstream, normal_path};

/// Where some requests go: those below a path, with one of several paths, for one of several models, or all of these.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpstreamSettings {
    url: String,
    /// The name of the provider in events. By default it is known by the host, or by paths.
    #[serde(default)]
    pub(crate) provider: Option<String>,
    /// The beginning of the paths of requests. It is not sent.
    #[serde(default)]
    mount: String,
    /// Paths of requests, with `mount`. One `*` matches any text.
    #[serde(default, deserialize_with = "not_empty")]
    pub(crate) paths: Vec<String>,
    /// Requested models. One `*` matches any text.
    #[serde(default, deserialize_with = "not_empty")]
    pub(crate) models: Vec<String>,
    /// The environment variable that holds the provider's key, which replaces that of the client.
    #[serde(default)]
    key_env: Option<String>,
}

fn not_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let texts = Vec::deserialize(deserializer)?;
    match texts.is_empty() {
        true => Err(D::Error::custom("must not be empty: leave it out to take all")),
        false => Ok(texts),
    }
}

impl UpstreamSettings {
    /// Returns the upstream and the provider's key.
    pub(crate) fn resolve(&self, key: &str) -> Result<(Upstream, Option<String>), Problem> {
        let of = |name: &str| format!("{key}.{name}");
        let upstream: Upstream =
            self.url.parse().map_err(|error| Problem::new(of("url"), error))?;
        let mount = &self.mount;
        if !mount.is_empty() && (!mount.starts_with('/') || mount.ends_with('/')) {
            let message = "expected a path such as /groq, without a slash at its end";
            return Err(Problem::new(of("mount"), message));
        }
        let uri = mount.parse::<Uri>().ok();
        if !mount.is_empty() && uri.is_none_or(|uri| normal_path(&uri) != *mount) {
            let message = "expected the path as a server reads it: decoded, without dot segments and double slashes";
            return Err(Problem::new(of("mount"), message));
        }
        for (name, patterns) in [("paths", &self.paths), ("models", &self.models)] {
            let has_many = |pattern: &String| pattern.matches('*').count() > 1;
            if let Some(at) = patterns.iter().position(has_many) {
                return Err(Problem::new(format!("{key}.{name}[{at}]"), "it may have one `*`"));
            }
        }
        if let Some(at) = self.paths.iter().position(|path| !path.starts_with(['/', '*'])) {
            let message = "the path must start with `/` or `*`";
            return Err(Problem::new(format!("{key}.paths[{at}]"), message));
        }
        if self.provider.as_deref() == Some("") {
            return Err(Problem::new(of("provider"), "must not be empty: leave it out"));
        }
        let secret = self.key_env.as_ref().map(|name| secret(name, of("key_env"))).transpose()?;
        Ok((upstream.mounted(mount), secret))
    }
}

/// A text in which one `*` matches any text.
#[derive(Debug, Clone)]
pub(crate) struct Pattern(String);

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        match self.0.split_once('*') {
            Some((start, end)) => {
                text.len() >= start.len() + end.len()
                    && text.starts_with(start)
                    && text.ends_with(end)
            }
            None => self.0 == text,
        }
    }
}
