use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What is recorded of the HTTP request of a call: [`LlmStart::http`](super::LlmStart::http).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct HttpRequestInfo {
    /// The method.
    pub method: String,
    /// The target without query and user info.
    pub url: String,
    /// Headers that are known to hold no secret, such as `x-stainless-retry-count`.
    pub headers: BTreeMap<String, String>,
    /// Whether the body could be read. False where it is longer than the layer's bound, broke off, or is
    /// compressed in a way that is not known: then the start tells what could be read of it.
    pub body_complete: bool,
}

/// What is recorded of the HTTP response of a call: [`LlmResult::http`](super::LlmResult::http).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct HttpResponseInfo {
    /// The status.
    pub status: u16,
    /// Headers that are known to hold no secret: request ids, rate limits.
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
