use std::sync::{Arc, Mutex, PoisonError};

use http::Method;

use super::{path_shape, stats::UnobservedRequests};

/// The most paths that are listed.
const MAX_PATHS: usize = 64;
const OTHER: &str = "other";

/// Counts the requests to LLM APIs that no format recognises.
#[derive(Debug, Default)]
pub(super) struct Unobserved(Mutex<Vec<UnobservedRequests>>);

impl Unobserved {
    /// Counts a request that no format recognises, if its path is one of an LLM API. The path is in its normal form.
    pub(super) fn count(&self, method: &Method, path: &str) {
        if matches!(*method, Method::OPTIONS | Method::HEAD | Method::TRACE) {
            return;
        }
        if let Some(shape) = path_shape::of(method, path) {
            self.count_pattern(method, &shape);
        }
    }

    /// Counts a request that a format recognised as no call, by the pattern that the format gives it.
    pub(super) fn count_pattern(&self, method: &Method, pattern: &str) {
        let method = name(method);
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = |it: &&mut UnobservedRequests| *it.method == *method && *it.path == *pattern;
        if let Some(known) = counted.iter_mut().find(known) {
            known.requests += 1;
        } else if counted.len() < MAX_PATHS {
            let (method, path) = (method.into(), pattern.into());
            counted.push(UnobservedRequests { method, path, requests: 1 });
        } else if let Some(other) = counted.get_mut(MAX_PATHS) {
            other.requests += 1;
        } else {
            let other: Arc<str> = OTHER.into();
            let (method, path) = (Arc::clone(&other), other);
            counted.push(UnobservedRequests { method, path, requests: 1 });
        }
    }

    pub(super) fn all(&self) -> Vec<UnobservedRequests> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Returns the name of a method. One that is not HTTP's own may be any text.
fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::CONNECT => "CONNECT",
        _ => OTHER,
    }
}
