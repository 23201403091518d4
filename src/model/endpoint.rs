use bytes::Bytes;
use http::{Extensions, HeaderMap, Method, Request, Uri};

use super::ConfigError;
use crate::chat::ModelError;

/// A configuration: where requests go, and how they are signed.
#[expect(unnameable_types, reason = "the traits of models are sealed")]
pub trait Connect {
    /// Returns the endpoint, or the reason why the configuration is invalid.
    fn endpoint(&self) -> Result<Endpoint, ConfigError>;

    /// Signs a request, for APIs without keys in a header.
    fn sign(&self, _request: &mut Request<Bytes>) -> Result<(), ModelError> {
        Ok(())
    }
}

/// The URL and headers that all requests have in common.
#[expect(unnameable_types, reason = "the traits of models are sealed")]
#[derive(Debug)]
pub struct Endpoint {
    /// The valid URL to which paths are appended.
    pub(super) base: String,
    pub(super) headers: HeaderMap,
}

impl Endpoint {
    pub(super) fn request(
        &self,
        path: &str,
        body: Vec<u8>,
        extensions: Extensions,
    ) -> Result<Request<Bytes>, ModelError> {
        let uri = format!("{}{path}", self.base).parse::<Uri>();
        let mut request = Request::new(body.into());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.map_err(|_| ModelError::invalid("the URL is too long"))?;
        *request.headers_mut() = self.headers.clone();
        *request.extensions_mut() = extensions;
        Ok(request)
    }
}
