//! Classifies the error of a call by the chain of its sources.

use std::{error::Error, sync::Arc};

use crate::{
    event::{ErrorKind, Failure, InvalidRequest, ProviderError, Truncated, causes},
    redact::{self, Credentials},
    run::{Abort, Aborted},
};

/// Returns the failure for an error of the inner service: of the given kind, if its causes say nothing else.
pub(super) fn classify(error: &(dyn Error + 'static), otherwise: ErrorKind) -> Failure {
    for cause in causes(error) {
        if let Some(provider) = cause.downcast_ref::<ProviderError>() {
            return Failure::provider(provider);
        }
        if let Some(error) = cause.downcast_ref::<Aborted>() {
            return aborted(error.abort());
        }
        if cause.is::<InvalidRequest>() {
            return Failure::new(ErrorKind::Invalid, redact::error_chain(error));
        }
        if cause.is::<Truncated>() {
            return Failure::new(ErrorKind::Truncated, redact::text(&error.to_string()));
        }
    }
    Failure::new(otherwise, redact::error_chain(error))
}

/// Covers what a failure quotes of the credentials of its call.
pub(super) fn without_credentials(failure: Failure, credentials: &Credentials) -> Failure {
    let covered = |text: Arc<str>| credentials.cover(&text).map_or(text, Into::into);
    Failure {
        message: covered(failure.message),
        provider_code: failure.provider_code.map(covered),
        request_id: failure.request_id.map(covered),
        ..failure
    }
}

/// Returns the failure for an abort.
pub(super) fn aborted(abort: &Abort) -> Failure {
    Failure {
        status: Some(abort.status_code().as_u16()),
        retry_after: abort.retry_time(),
        ..Failure::new(ErrorKind::Aborted, abort.shared_reason())
    }
}
