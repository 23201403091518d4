use serde_json::Value;

use super::protocol::Protocol;
use crate::wire::body_decoder::{BodyDecoder, decoder};

/// Decodes the answer to a tool call of the Model Context Protocol: a JSON-RPC response, whole or in an event stream.
///
/// The result is emitted as text: its JSON. One whose `isError` is true is followed by [`Delta::Error`](crate::Delta::Error)
/// with the code `tool_error`, and an error of JSON-RPC has its code. Notifications and requests of the server, and responses
/// to other requests, are skipped. A stream that the server closes after an event with nothing but an id has no result: the
/// client fetches it.
///
/// ```
/// use tower_llm_callbacks::{Delta, wire::{Decoder, mcp::McpDecoder}};
///
/// let body = concat!(
///     "event: message\n",
///     r#"data: {"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":"18 °C"}]}}"#,
///     "\n\n",
/// );
/// let mut deltas = Vec::new();
/// McpDecoder::new().push(body.as_bytes(), &mut |delta| deltas.push(delta.into_owned()));
/// let result = r#"{"content":[{"type":"text","text":"18 °C"}]}"#;
/// assert_eq!(deltas, [Delta::NotStreamed, Delta::text(result), Delta::Done]);
/// ```
#[derive(Debug)]
pub struct McpDecoder(BodyDecoder<Protocol>);

decoder!(McpDecoder, Protocol::default());

impl McpDecoder {
    /// Creates a decoder that reads the response to the request with an id.
    pub(super) fn of(id: Option<Value>, whole: bool) -> Self {
        let protocol = Protocol { id, resumes: false };
        Self(if whole { BodyDecoder::whole(protocol) } else { BodyDecoder::new(protocol) })
    }
}
