use std::sync::Arc;

/// What an [`HttpCallbackLayer`](crate::HttpCallbackLayer) keeps at the moment, and what it has let pass: see
/// [`stats`](crate::HttpCallbackLayer::stats).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpStats {
    /// The bytes of requests and answers that are kept. Answers count in steps of 4 KiB.
    pub kept_bytes: usize,
    /// The most bytes that may be kept.
    pub max_kept_bytes: usize,
    /// The number of calls that wait for the body of their request. They have no run yet.
    pub waiting_requests: usize,
    /// The requests to LLM APIs that no format recognised, so that nothing of them was observed, by method and path.
    ///
    /// At most 64 paths are listed, in the order in which they came. All others are one entry, whose method and path are
    /// `other`. Requests that are [ignored](crate::HttpCallbackLayer::ignore) are not counted.
    pub unobserved: Vec<UnobservedRequests>,
}

/// Requests to an LLM API that no format recognised, by method and path. A part of [`HttpStats`].
///
/// A `GET` of `/v1/models` is one, and so is every call of an API that the crate does not know:
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use http::{Request, Response};
/// use tower::{BoxError, Layer, service_fn};
/// use tower_llm_callbacks::{Callbacks, HttpCallbackLayer};
///
/// let layer = HttpCallbackLayer::new(Callbacks::new());
/// let server = service_fn(|_| async { Ok::<_, BoxError>(Response::new(String::new())) });
/// let request = Request::get("/v1/files/file-abc123/content").body(String::new())?;
/// layer.layer(server).oneshot(request).await?;
///
/// let unobserved = &layer.stats().unobserved[0];
/// assert_eq!((&*unobserved.method, &*unobserved.path), ("GET", "/v1/files/{}/content"));
/// assert_eq!(unobserved.requests, 1);
/// # Ok::<_, BoxError>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnobservedRequests {
    /// The method; `other` if it is none of HTTP's own.
    pub method: Arc<str>,
    /// The path, with `{}` for what may be an id, a name or a secret.
    pub path: Arc<str>,
    /// The number of requests.
    pub requests: u64,
}
