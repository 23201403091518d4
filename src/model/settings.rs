use bytes::Bytes;
use http::{Extensions, Request, Uri};
use http_body_util::Full;

use super::{
    ConfigError,
    endpoint::{Connect, Endpoint},
};
use crate::{
    chat::{ModelError, identity::Identity},
    wire,
};

/// The state that a layer and its models share.
#[derive(Debug)]
pub(super) struct Settings<C> {
    pub(super) config: C,
    endpoint: Result<Endpoint, ConfigError>,
    pub(super) identity: Identity,
}

impl<C: Connect> Settings<C> {
    pub(super) fn new(config: C, mut identity: Identity) -> Self {
        let endpoint = config.endpoint();
        // A known host is of another provider than the one whose API it serves.
        let uri = endpoint.as_ref().ok().and_then(|it| it.base.parse::<Uri>().ok());
        let host = uri.as_ref().and_then(Uri::host);
        identity.provider = host.and_then(wire::of_host).unwrap_or(identity.provider);
        Self { config, endpoint, identity }
    }

    /// Returns the HTTP request of a call.
    pub(super) fn request(
        &self,
        call: impl FnOnce(&C) -> Result<(String, Vec<u8>), ModelError>,
        extensions: Extensions,
    ) -> Result<Request<Full<Bytes>>, ModelError> {
        let endpoint = self.endpoint.as_ref();
        let endpoint = endpoint.map_err(|error| ModelError::invalid(error.to_string()))?;
        let (path, body) = call(&self.config)?;
        let mut request = endpoint.request(&path, body, extensions)?;
        self.config.sign(&mut request)?;
        Ok(request.map(Full::new))
    }
}
