use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, value::RawValue};

use crate::wire::{LlmHttpRequest, request::Members};

/// The method of tool calls.
pub(super) const CALL: &str = "tools/call";

/// A JSON-RPC message of a client.
pub(super) struct Message {
    /// Whether it says that it is one of JSON-RPC, or is several of them.
    pub(super) is_rpc: bool,
    /// There are several requests, of which none is read.
    pub(super) is_batch: bool,
    pub(super) method: Option<String>,
    pub(super) id: Option<Value>,
    pub(super) params: Members,
    /// The name of the tool.
    pub(super) name: Option<String>,
}

impl Message {
    /// Reads a request. What its body does not say, as far as it has arrived, the headers of revision 2026-07-28 may.
    pub(super) fn of(request: &LlmHttpRequest<'_>) -> Self {
        let body = request.body();
        let only = only(&body);
        let members = Members::parse(only.as_slice());
        let params = members.object("params").unwrap_or_default();
        let or_header =
            |member: Option<String>, name| member.or_else(|| header(request.headers, name));
        Self {
            is_rpc: only.is_none()
                || members.has("jsonrpc")
                || request.headers.contains_key("mcp-method"),
            is_batch: only.is_none(),
            method: or_header(members.text("method"), "mcp-method"),
            id: members.value("id"),
            name: or_header(params.text("name"), "mcp-name"),
            params,
        }
    }

    /// Whether the message is a tool call. A call has an id, which may not have arrived.
    pub(super) fn is_call(&self, complete: bool) -> bool {
        self.method.as_deref() == Some(CALL) && (self.id.is_some() || !complete)
    }

    /// Returns the metadata of the request.
    pub(super) fn meta(&self) -> Members {
        self.params.object("_meta").unwrap_or_default()
    }
}

/// Returns the message of a body: of a batch, its only request. `None` if there are several.
fn only(body: &Bytes) -> Option<Bytes> {
    let Ok(batch) = serde_json::from_slice::<Vec<&RawValue>>(body) else {
        return Some(body.clone());
    };
    let mut requests =
        batch.iter().map(|item| body.slice_ref(item.get().as_bytes())).filter(|item| {
            let members = Members::parse(std::slice::from_ref(item));
            members.text("method").is_some() && members.value("id").is_some()
        });
    match (requests.next(), requests.next()) {
        (Some(_), Some(_)) => None,
        (only, _) => Some(only.unwrap_or_default()),
    }
}

/// Returns a header's text. One that is encoded, as `=?base64?…?=`, is in the body too.
pub(super) fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?.trim();
    Some(value.to_owned()).filter(|value| !value.starts_with("=?"))
}
