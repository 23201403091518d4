use http::Uri;

use crate::event::LlmStart;

/// Whom a request goes to, where its target says so. On a gateway it is what the client calls the gateway.
pub(super) struct Server {
    pub(super) address: String,
    pub(super) port: Option<u16>,
}

impl Server {
    pub(super) fn of(start: &LlmStart) -> Option<Self> {
        let uri: Uri = start.http.as_ref()?.url.parse().ok()?;
        let address = uri.host()?.trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().or(match uri.scheme_str() {
            Some("https") => Some(443),
            Some("http") => Some(80),
            _ => None,
        });
        Some(Self { address, port })
    }
}
