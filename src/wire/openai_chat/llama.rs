//! The answers of Meta's Llama API, which have a message or an event in the place of choices, and metrics in that of usage.
//!
//! Source: `types/create_chat_completion_response.py` and `…_stream_chunk.py` of Meta's `llama-api-python`.

use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use super::{
    chunk::{Choice, Chunk, Message, ToolCall},
    inline_vec1::InlineVec1,
};
use crate::wire::{
    json::{self, List, Many, Object, Text},
    message_content::MessageContent,
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer<'a> {
    #[serde(borrow)]
    completion_message: Option<&'a RawValue>,
    #[serde(borrow)]
    event: Object<Event<'a>>,
    #[serde(borrow)]
    metrics: List<Metric<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Event<'a> {
    /// A part of the content, or of a call.
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(borrow)]
    stop_reason: Text<'a>,
    #[serde(borrow)]
    metrics: List<Metric<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metric<'a> {
    #[serde(borrow)]
    metric: Text<'a>,
    value: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Stopped<'a> {
    #[serde(borrow)]
    stop_reason: Text<'a>,
}

/// Reads the answer, or a chunk of it, into a chunk in OpenAI's shape. Leaves the chunk as it is if this is none.
pub(super) fn read<'a>(json: &'a str, chunk: &mut Chunk<'a>) {
    let Ok(Answer { completion_message, event, mut metrics }) = json::read(json) else { return };
    let mut choice = Choice::default();
    if let Some(message) = completion_message.map(RawValue::get) {
        choice.stop_reason = json::read::<Stopped<'_>>(message).unwrap_or_default().stop_reason;
        choice.message = Object(json::read(message).ok().map(Box::new));
    } else if let Some(event) = event.0 {
        choice.stop_reason = event.stop_reason;
        choice.delta = Object(event.delta.map(|delta| piece(delta.get())));
        metrics = event.metrics;
    } else {
        return;
    }
    chunk.choices = InlineVec1::one(choice);
    let metrics = metrics.0.into_iter().flatten();
    let counts = metrics.filter_map(|it| Some((it.metric.into_inner()?.into_owned(), it.value)));
    let counts: Map<String, Value> = counts.collect();
    if !counts.is_empty() {
        chunk.usage = Object(Some(counts));
    }
}

fn piece(delta: &str) -> Message<'_> {
    let call = json::read::<ToolCall<'_>>(delta).unwrap_or_default();
    let content: MessageContent<'_> = serde_json::from_str(delta).unwrap_or_default();
    let calls = if call.function.0.is_some() { vec![call] } else { Vec::new() };
    Message { content, tool_calls: Many(calls), ..Message::default() }
}
