use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::Request;
use tower::BoxError;

use crate::chat::ModelError;

/// A closure that signs requests.
#[derive(Clone)]
pub(super) struct Signer(Arc<Sign>);

type Sign = dyn Fn(&mut Request<Bytes>) -> Result<(), BoxError> + Send + Sync;

impl Signer {
    pub(super) fn new(
        sign: impl Fn(&mut Request<Bytes>) -> Result<(), BoxError> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(sign))
    }

    pub(super) fn sign(&self, request: &mut Request<Bytes>) -> Result<(), ModelError> {
        (self.0)(request).map_err(ModelError::Transport)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}
