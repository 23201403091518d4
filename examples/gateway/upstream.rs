use std::{fmt, str::FromStr};

use axum::http::{
    Uri,
    uri::{Authority, PathAndQuery, Scheme},
};

/// The base URL of the provider: a scheme, a host and an optional path prefix.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    scheme: Scheme,
    authority: Authority,
    prefix: String,
}

impl Upstream {
    /// Returns the URL for a request, with the request's path and query.
    pub(crate) fn uri(&self, uri: &Uri) -> Result<Uri, axum::http::Error> {
        let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(format!("{}{path}", self.prefix))
            .build()
    }
}

impl Upstream {
    /// Returns the host, without a port.
    pub(crate) fn host(&self) -> &str {
        self.authority.host()
    }

    /// Returns the path before the paths of requests, without a slash at its end.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Returns whether a scheme, which may be empty, and an authority are those of the upstream.
    pub(crate) fn is_origin(&self, scheme: &str, authority: &str) -> bool {
        let Ok(other) = authority.parse::<Authority>() else { return false };
        let default = if self.scheme == Scheme::HTTPS { 443 } else { 80 };
        let port = |authority: &Authority| authority.port_u16().unwrap_or(default);
        (scheme.is_empty() || scheme.eq_ignore_ascii_case(self.scheme.as_str()))
            && !authority.contains('@')
            && other.host().eq_ignore_ascii_case(self.authority.host())
            && port(&other) == port(&self.authority)
    }
}

impl FromStr for Upstream {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|error| format!("--upstream: {error}"))?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err("--upstream: expected a URL such as https://api.openai.com".to_owned());
        };
        if scheme != Scheme::HTTP && scheme != Scheme::HTTPS {
            return Err(format!("--upstream: the scheme is {scheme}, expected http or https"));
        }
        if authority.as_str().contains('@') {
            return Err(
                "--upstream: the URL must not contain credentials: clients send their own keys"
                    .to_owned(),
            );
        }
        let path = parts.path_and_query.as_ref();
        if path.is_some_and(|path| path.query().is_some()) {
            return Err("--upstream: the URL must not contain a query".to_owned());
        }
        let prefix = path.map_or("", PathAndQuery::path).trim_end_matches('/').to_owned();
        Ok(Self { scheme, authority, prefix })
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}
