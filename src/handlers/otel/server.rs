use http::Uri;

use crate::event::LlmStart;

/// The server that a request's URL names. On a gateway it is the name under which clients reach the gateway.
pub(super) struct ServerAddress {
    pub(super) address: String,
    pub(super) port: Option<u16>,
}

impl ServerAddress {
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
