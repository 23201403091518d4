use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The recorded parts of a call's HTTP request: [`LlmStart::http`](super::LlmStart::http).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct HttpRequestInfo {
    /// The method.
    pub method: String,
    /// The request's target, without query and user info.
    pub url: String,
    /// The headers that are known to hold no secret, such as `x-stainless-retry-count`.
    pub headers: BTreeMap<String, String>,
    /// Whether the body could be read in full. False if it exceeds the layer's bound, broke off, or has an unknown
    /// content coding. The start event then contains what could be read.
    pub body_complete: bool,
}

/// The recorded parts of a call's HTTP response: [`LlmResult::http`](super::LlmResult::http).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct HttpResponseInfo {
    /// The status code.
    pub status: u16,
    /// The headers that are known to hold no secret: request ids, rate limits.
    pub headers: BTreeMap<String, String>,
}

impl HttpRequestInfo {
    pub(crate) fn new(
        method: String,
        url: String,
        headers: BTreeMap<String, String>,
        body_complete: bool,
    ) -> Self {
        Self { method, url, headers, body_complete }
    }
}

impl HttpResponseInfo {
    pub(crate) fn new(status: u16, headers: BTreeMap<String, String>) -> Self {
        Self { status, headers }
    }
}
