use std::{borrow::Cow, fmt, str::FromStr};

use axum::http::{
    Uri,
    uri::{Authority, InvalidUri, PathAndQuery, Scheme},
};
use tower_llm_callbacks::wire::LlmHttpRequest;

/// The base URL of the provider: a scheme, a host and an optional path prefix.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    scheme: Scheme,
    authority: Authority,
    prefix: String,
    /// The beginning of the gateway's own paths, which is not sent.
    mount: String,
}

impl Upstream {
    /// Returns the upstream of the requests whose paths are below another one.
    pub(crate) fn mounted(self, mount: &str) -> Self {
        Self { mount: mount.to_owned(), ..self }
    }

    /// Returns whether a path is below that at which the upstream is mounted.
    pub(crate) fn takes(&self, path: &str) -> bool {
        let rest = path.strip_prefix(&self.mount);
        rest.is_some_and(|rest| self.mount.is_empty() || rest.is_empty() || rest.starts_with('/'))
    }

    /// Returns the target of a request without the mount. The rest is unchanged, unless the mount is spelled in another way:
    /// then it is the path as it was understood.
    fn below_mount<'a>(&self, sent: &'a str, uri: &Uri) -> Cow<'a, str> {
        if self.mount.is_empty() {
            return sent.into();
        }
        let understood = normal_path(uri);
        let rest = understood.strip_prefix(&self.mount).unwrap_or(&understood);
        if let Some(as_sent) = sent.strip_prefix(&self.mount)
            && let Ok(below) = format!("/{}", as_sent.trim_start_matches('/')).parse()
            && normal_path(&below).trim_matches('/') == rest.trim_matches('/')
        {
            return as_sent.into();
        }
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}{query}", encoded(rest)).into()
    }

    /// Returns the URL for a request, with the request's path and query.
    pub(crate) fn uri(&self, uri: &Uri) -> Result<Uri, axum::http::Error> {
        let sent = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let path = self.below_mount(sent, uri);
        // Below a mount there may be a query alone.
        let slash = if path.starts_with('/') { "" } else { "/" };
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(format!("{}{slash}{path}", self.prefix))
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

    /// Returns the gateway's path at which the upstream is, without a slash at its end.
    pub(crate) fn mount(&self) -> &str {
        &self.mount
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

/// Returns the path of a request as the crate, and a server, reads it.
pub(crate) fn normal_path(uri: &Uri) -> String {
    let (method, headers, body) = Default::default();
    LlmHttpRequest::new(&method, uri, &headers, &body).path().into_owned()
}

/// Returns whether an authority has a port that can be, or none.
pub(crate) fn has_valid_port(authority: &Authority) -> bool {
    let after_user = authority.as_str().rsplit('@').next().unwrap_or_default();
    after_user == authority.host() || authority.port_u16().is_some_and(|port| port > 0)
}

/// Encodes a path that was decoded.
fn encoded(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'%' | b'?' | b'#' | b'"' | b'<' | b'>' | b'`' | b'{' | b'}' | ..=b' ' | 0x7F.. => {
                encoded.push_str(&format!("%{byte:02X}"));
            }
            _ => encoded.push(byte.into()),
        }
    }
    encoded
}

const EXPECTED: &str = "expected a URL such as https://api.openai.com";

impl FromStr for Upstream {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|error: InvalidUri| format!("{error}: {EXPECTED}"))?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(EXPECTED.to_owned());
        };
        if scheme != Scheme::HTTP && scheme != Scheme::HTTPS {
            return Err(format!("the scheme is {scheme}, expected http or https"));
        }
        if authority.as_str().contains('@') {
            return Err(
                "the URL must not contain credentials: clients send their own keys".to_owned()
            );
        }
        if !has_valid_port(&authority) {
            return Err("the port is not one between 1 and 65535: correct it".to_owned());
        }
        let path = parts.path_and_query.as_ref();
        if path.is_some_and(|path| path.query().is_some()) {
            return Err("the URL must not contain a query".to_owned());
        }
        let prefix = path.map_or("", PathAndQuery::path).trim_end_matches('/').to_owned();
        Ok(Self { scheme, authority, prefix, mount: String::new() })
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}
