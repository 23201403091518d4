use std::sync::Arc;

use bytes::Bytes;
use memchr::memchr2;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{
    LlmHttpRequest,
    json::{Raw, joined, members},
};
use crate::{
    event::{LlmStart, Prompt, PromptSource, json},
    redact,
};

/// The unparsed members of a request's JSON object. A prompt of a megabyte costs nothing until it is read.
#[derive(Debug, Clone, Default)]
pub(in crate::wire) struct Members(Arc<Vec<(String, Raw)>>);

impl Members {
    /// Finds the members of a body, up to the first fault if it is truncated or invalid. Faults are left to the
    /// provider to report.
    pub(in crate::wire) fn parse(body: &[Bytes]) -> Self {
        let mut found = Vec::new();
        members(body, |name, value| found.push((name.into_owned(), value)));
        Self(Arc::new(found))
    }

    /// Creates members from names and JSON texts.
    pub(in crate::wire) fn of(members: Vec<(String, Bytes)>) -> Self {
        Self(Arc::new(members.into_iter().map(|(name, text)| (name, Raw::One(text))).collect()))
    }

    /// Returns a member's text; `None` if it is absent.
    pub(in crate::wire) fn raw(&self, name: &str) -> Option<&Raw> {
        // The last of duplicate members counts, as in most parsers.
        self.0.iter().rev().find(|(other, _)| other == name).map(|(_, raw)| raw)
    }

    /// Returns the members of a member that is an object, or of the first item of an array of objects.
    pub(in crate::wire) fn nested(&self, name: &str) -> Option<Self> {
        let raw = joined(self.raw(name)?.pieces());
        let first = raw.strip_prefix(b"[").unwrap_or(&raw).trim_ascii_start();
        first.starts_with(b"{").then(|| Self::parse(&[raw.slice_ref(first)]))
    }

    /// Returns the members of a member that is an object.
    pub(in crate::wire) fn object(&self, name: &str) -> Option<Self> {
        Some(Self::parse(self.raw(name)?.pieces()))
    }

    /// Whether any of these members is present.
    pub(in crate::wire) fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.raw(name).is_some())
    }

    /// Returns whether there is a member that is not null.
    pub(in crate::wire) fn has(&self, name: &str) -> bool {
        self.raw(name).is_some_and(|raw| raw.first() != b'n')
    }

    /// Reads a member; `None` if it is absent, or not of this type.
    pub(in crate::wire) fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_slice(&self.raw(name)?.bytes()).ok()
    }

    /// Returns a member's value; `None` if it is null or absent.
    pub(in crate::wire) fn value(&self, name: &str) -> Option<Value> {
        value(self.raw(name)?)
    }

    /// Returns a member that is a string.
    pub(in crate::wire) fn text(&self, name: &str) -> Option<String> {
        self.read(name)
    }

    /// Returns a member that is a boolean.
    pub(in crate::wire) fn flag(&self, name: &str) -> Option<bool> {
        self.read(name)
    }

    /// Returns whether a member's JSON contains a text.
    pub(in crate::wire) fn contains(&self, name: &str, text: &str) -> bool {
        self.raw(name).is_some_and(|raw| raw.contains(text))
    }

    /// Returns all members except `without`, with secrets redacted.
    pub(in crate::wire) fn params(&self, without: &[&str]) -> Map<String, Value> {
        let mut params = Map::new();
        for (name, raw) in self.0.iter().filter(|(name, _)| !without.contains(&&**name)) {
            if let Ok(value) = serde_json::from_slice(&raw.bytes()) {
                params.insert(name.clone(), value);
            }
        }
        redact::members(&mut params);
        params
    }

    /// Returns a prompt that is read from the members, and redacted, when it is first needed.
    pub(in crate::wire) fn prompt<M: Into<Messages>>(
        &self,
        messages: impl Fn(&Self) -> Vec<M> + Send + Sync + 'static,
    ) -> Prompt {
        Prompt::of(RequestPrompt { members: self.clone(), messages })
    }

    /// Reads a request of the common shape: `model`, `stream`, the members of the prompt; all others are
    /// parameters.
    pub(in crate::wire) fn start<M: Into<Messages>>(
        &self,
        provider: &str,
        api: &str,
        prompt: &'static [&'static str],
        messages: impl Fn(&Self) -> Vec<M> + Send + Sync + 'static,
    ) -> LlmStart {
        let without: Vec<&str> = prompt.iter().copied().chain(["model", "stream"]).collect();
        let mut start = LlmStart::new(provider, api)
            .stream(self.flag("stream").unwrap_or(false))
            .messages(self.prompt(messages));
        start.model = self.text("model").map(Into::into);
        start.params = self.params(&without);
        start
    }
}

/// Returns a value; `None` if it is null or invalid.
fn value(raw: &Raw) -> Option<Value> {
    let value = serde_json::from_slice(&raw.bytes()).ok()?;
    Some(value).filter(|value: &Value| !value.is_null())
}

/// A part of a prompt.
pub(in crate::wire) enum Messages {
    One(Value),
    /// The items of an array, or one value, as they were sent.
    Sent(Raw),
}

/// The prompt of a request.
struct RequestPrompt<F> {
    members: Members,
    messages: F,
}

impl From<Value> for Messages {
    fn from(message: Value) -> Self {
        Self::One(message)
    }
}

impl<F, M> PromptSource for RequestPrompt<F>
where
    F: Fn(&Members) -> Vec<M> + Send + Sync + 'static,
    M: Into<Messages>,
{
    fn value(&self) -> Value {
        let messages =
            (self.messages)(&self.members).into_iter().flat_map(|part| match part.into() {
                Messages::One(message) => vec![message],
                Messages::Sent(raw) => items(value(&raw)),
            });
        let mut messages = Value::Array(messages.collect());
        redact::prompt(&mut messages);
        messages
    }

    fn size(&self) -> usize {
        self.members.0.iter().map(|(_, raw)| raw.len()).sum()
    }

    /// What was sent is written as it was sent, if nothing in it is redacted: a copy instead of values.
    fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        for part in (self.messages)(&self.members) {
            // Each part is written as an array. Its brackets are those of the prompt, or become commas.
            let from = out.len();
            match part.into() {
                Messages::One(message) => write_items(vec![message], out),
                Messages::Sent(raw) => {
                    if !write_sent(&raw, out) {
                        out.truncate(from);
                        write_items(items(value(&raw)), out);
                    }
                }
            }
            out.pop();
            if out[from + 1..].trim_ascii().is_empty() {
                out.truncate(from);
            } else if from > start {
                out[from] = b',';
            }
        }
        if out.len() == start {
            out.push(b'[');
        }
        out.push(b']');
    }
}

fn write_items(messages: Vec<Value>, out: &mut Vec<u8>) {
    let mut messages = Value::Array(messages);
    redact::prompt(&mut messages);
    json::write_value(&messages, out);
}

/// Writes an array, or another value as the item of one, as it was sent. Returns false if that cannot be written as it is.
fn write_sent(sent: &Raw, out: &mut Vec<u8>) -> bool {
    let is_array = sent.first() == b'[';
    let start = out.len();
    out.reserve(sent.len() + 2);
    out.extend(Some(b'[').filter(|_| !is_array));
    sent.pieces().iter().for_each(|piece| out.extend_from_slice(piece));
    out.extend(Some(b']').filter(|_| !is_array));
    let text = &out[start..];
    if sent.first() == b'n' || !redact::leaves_prompt(text) {
        return false;
    }
    // A record is one line. A JSON text has line ends only where blanks may be.
    if memchr2(b'\n', b'\r', text).is_some() {
        let mut lines = out.split_off(start);
        lines.retain(|byte| !matches!(byte, b'\n' | b'\r'));
        out.append(&mut lines);
    }
    true
}

/// Returns a message of a prompt.
pub(in crate::wire) fn message(role: &str, content: impl Into<Value>) -> Value {
    serde_json::json!({ "role": role, "content": content.into() })
}

/// Returns the items of an array, or the value itself if it is not an array.
pub(in crate::wire) fn items(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(items)) => items,
        Some(other) => vec![other],
        None => Vec::new(),
    }
}

impl LlmHttpRequest<'_> {
    pub(in crate::wire) fn members(&self) -> Members {
        Members::parse(self.pieces)
    }
}
