//! The causes of an error, and whether another call may help.

use std::{error::Error, io, iter};

use super::{InvalidRequest, ProviderError};
use crate::run::Aborted;

/// Returns an error and its sources, outermost first. An `io::Error` does not have the error that it wraps as its
/// source, but in itself.
pub(crate) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |&cause| match wrapped(cause) {
        Some(wrapped) => Some(wrapped),
        None => cause.source(),
    })
}

fn wrapped<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let wrapped = error.downcast_ref::<io::Error>()?.get_ref()?;
    Some(wrapped)
}

/// Returns the provider's error among the causes.
pub(crate) fn provider_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a ProviderError> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// Whether the same call may succeed if it is made again: not after an abort, an invalid request, or what the provider
/// refuses for good. What says none of that is a failure on the way.
pub(crate) fn is_retryable(error: &(dyn Error + 'static)) -> bool {
    match provider_error(error) {
        Some(provider) => provider.is_retryable(),
        None => !causes(error).any(|cause| cause.is::<Aborted>() || cause.is::<InvalidRequest>()),
    }
}
