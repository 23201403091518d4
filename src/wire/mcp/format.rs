use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    McpDecoder,
    method::pattern,
    request::{Message, header},
};
use crate::{
    event::{LlmStart, Prompt},
    run::RunType,
    wire::{Call, Decoder, Format, LlmHttpRequest, LlmHttpResponse},
};

/// Tool calls of the Model Context Protocol over streamable HTTP as a [`Format`]: `POST …/mcp` and `…/mcp/…` with the method
/// `tools/call`.
///
/// A server may have any path: [`HttpCallbackLayer::route`](crate::HttpCallbackLayer::route) sets others. A call is a run of
/// type [`Tool`](RunType::Tool), whose name is the tool's, whose input are the arguments, and whose output is the result. It
/// fails with the code `tool_error` if the result says `isError`, and with the code of JSON-RPC if the protocol failed. Its
/// metadata have `mcp.method.name`, `mcp.session.id`, `mcp.protocol.version` and `jsonrpc.request.id`, as far as they are
/// known; a `traceparent` in the request's `_meta` counts before the header. Other methods pass unobserved and are counted by
/// their name, and batches of several requests as `batch`.
///
/// ```
/// use bytes::Bytes;
/// use http::{HeaderMap, Method, Uri};
/// use tower_llm_callbacks::wire::{Format, LlmHttpRequest, mcp::Mcp};
///
/// assert!(Mcp.matches(&Method::POST, "/mcp"));
/// let (uri, headers) = (Uri::from_static("/mcp"), HeaderMap::new());
/// let body = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call",
///     "params":{"name":"get_weather","arguments":{"city":"Paris"}}}"#;
/// let body = Bytes::from_static(body);
/// let start = Mcp.start(&LlmHttpRequest::new(&Method::POST, &uri, &headers, &body));
/// assert_eq!(start.messages.get().unwrap()["city"], "Paris");
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Mcp;

impl Format for Mcp {
    fn matches(&self, method: &Method, path: &str) -> bool {
        method == Method::POST && path.split('/').any(|part| part == "mcp")
    }

    fn describe(&self, request: &LlmHttpRequest<'_>) -> Call {
        let message = Message::of(request);
        if !message.is_rpc && !request.path().ends_with("/mcp") {
            return Call::unobserved();
        }
        if message.is_batch {
            return Call::unobserved().counted_as("batch");
        }
        if !message.is_call(request.complete) {
            return Call::unobserved().counted_as(pattern(message.method.as_deref()));
        }
        let meta = message.meta();
        let mut call = Call::of(RunType::Tool).metadata("mcp.method.name", super::request::CALL);
        if let Some(name) = message.name {
            call = call.name(name);
        }
        let version = header(request.headers, "mcp-protocol-version")
            .or_else(|| meta.text("io.modelcontextprotocol/protocolVersion"));
        let id = message.id.map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned));
        for (key, value) in [
            ("mcp.session.id", header(request.headers, "mcp-session-id")),
            ("mcp.protocol.version", version),
            ("jsonrpc.request.id", id),
        ] {
            if let Some(value) = value {
                call = call.metadata(key, value);
            }
        }
        if let Some(traceparent) = meta.text("traceparent").and_then(|it| it.parse().ok()) {
            call = call.traceparent(traceparent);
        }
        // Claude Code sends the id of the model's call.
        if let Some(id) = meta.text("claudecode/toolUseId") {
            call = call.tool_call_id(id);
        }
        call
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        let message = Message::of(call);
        let params = message.params.clone();
        let arguments = move || params.value("arguments").unwrap_or_else(|| json!({}));
        let start = LlmStart::new(call.provider_or("mcp"), super::request::CALL)
            .messages(Prompt::lazy(arguments));
        // The decoder compares it with that of the response.
        match message.id {
            Some(id) => start.param("id", id),
            None => start,
        }
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        let id: Option<Value> = response.request.and_then(|start| start.params.get("id").cloned());
        let whole = response.content_type().as_deref() == Some("application/json");
        Box::new(McpDecoder::of(id, whole))
    }

    fn error_body(&self, _status: StatusCode, message: &str) -> Vec<u8> {
        // A code of the range that JSON-RPC leaves to implementations.
        let error = json!({"code": -32000, "message": message});
        json!({"jsonrpc": "2.0", "id": null, "error": error}).to_string().into_bytes()
    }
}
