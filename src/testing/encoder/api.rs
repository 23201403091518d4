use std::fmt;

use serde_json::{Map, Value, json};

use crate::{
    chat::ChatChunk,
    event::{LlmResult, ToolCall},
    wire::Format,
};

/// How an API writes an answer, as JSON.
pub(super) trait Api: fmt::Debug + Send {
    /// Returns the format, which writes errors.
    fn format(&self) -> &'static dyn Format;

    /// Returns the name of the member of an error that has its code.
    fn code(&self) -> Option<&'static str>;

    /// Returns the event before the first piece.
    fn begin(&self) -> Option<Value> {
        None
    }

    /// Returns the events of a piece of content. What the API says at the end of an answer, it says there.
    fn piece(&mut self, chunk: &ChatChunk) -> Vec<Value>;

    /// Returns the events at the end.
    fn end(&mut self, result: &LlmResult) -> Vec<Value>;

    /// Returns an answer that is not streamed.
    fn whole(&self, result: &LlmResult) -> Value;

    /// Returns the event of an error in an answer. `error` is the body of an error response.
    fn in_band(&self, error: Value) -> Value {
        error
    }

    /// Returns what follows the last event.
    fn done(&self) -> &'static str {
        ""
    }

    /// Returns whether events are lines of JSON, instead of server-sent events.
    fn has_lines(&self) -> bool {
        false
    }
}

/// Returns the counts of tokens by the API's names of those of the input, the output and both.
pub(super) fn counts(result: &LlmResult, names: &[&str]) -> Option<Map<String, Value>> {
    let usage = result.usage.as_ref()?;
    let counts = [usage.input_tokens, usage.output_tokens, usage.total_tokens];
    Some(names.iter().map(|&name| name.to_owned()).zip(counts.map(Value::from)).collect())
}

/// Returns the arguments of a call as JSON.
pub(super) fn arguments(call: &ToolCall) -> Value {
    serde_json::from_str(&call.arguments).unwrap_or(json!({}))
}
