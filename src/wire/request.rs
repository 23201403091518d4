use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{LlmHttpRequest, json::members};
use crate::{
    event::{LlmStart, Prompt},
    redact,
};

/// The unparsed members of a request's JSON object. A prompt of a megabyte costs nothing until it is read.
#[derive(Debug, Clone, Default)]
pub(in crate::wire) struct Members(Arc<Vec<(String, Bytes)>>);

impl Members {
    /// Finds the members of a body, up to the first fault if it is truncated or invalid. Faults are left to the
    /// provider to report.
    pub(in crate::wire) fn parse(body: &Bytes) -> Self {
        let mut found = Vec::new();
        let body = match body.strip_prefix(b"\xEF\xBB\xBF") {
            Some(rest) => body.slice_ref(rest),
            None => body.clone(),
        };
        members(&body, |name, value| found.push((name.into_owned(), body.slice(value))));
        Self(Arc::new(found))
    }

    /// Creates members from names and JSON texts.
    pub(in crate::wire) fn of(members: Vec<(String, Bytes)>) -> Self {
        Self(Arc::new(members))
    }

    fn raw(&self, name: &str) -> Option<&Bytes> {
        // The last of duplicate members counts, as in most parsers.
        self.0.iter().rev().find(|(other, _)| other == name).map(|(_, raw)| raw)
    }

    /// Returns the members of a member that is an object, or of the first item of an array of objects.
    pub(in crate::wire) fn nested(&self, name: &str) -> Option<Self> {
        let raw = self.raw(name)?;
        let first = raw.strip_prefix(b"[").unwrap_or(raw).trim_ascii_start();
        first.starts_with(b"{").then(|| Self::parse(&raw.slice_ref(first)))
    }

    /// Whether any of these members is present.
    pub(in crate::wire) fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.raw(name).is_some())
    }

    /// Reads a member; `None` if it is absent, or not of this type.
    pub(in crate::wire) fn read<'a, T: Deserialize<'a>>(&'a self, name: &str) -> Option<T> {
        serde_json::from_slice(self.raw(name)?).ok()
    }

    /// Returns whether there is a member that is not null.
    pub(in crate::wire) fn has(&self, name: &str) -> bool {
        self.raw(name).is_some_and(|raw| raw.as_ref() != b"null")
    }

    /// Returns a member's value; `None` if it is null or absent.
    pub(in crate::wire) fn value(&self, name: &str) -> Option<Value> {
        self.read(name).filter(|value: &Value| !value.is_null())
    }

    /// Returns the members of a member that is an object.
    pub(in crate::wire) fn object(&self, name: &str) -> Option<Self> {
        let (_, raw) = self.0.iter().rev().find(|(other, _)| other == name)?;
        Some(Self::parse(raw))
    }

    /// Returns a member that is a string.
    pub(in crate::wire) fn text(&self, name: &str) -> Option<String> {
        self.read::<Cow<'_, str>>(name).map(Cow::into_owned)
    }

    /// Returns a member that is a boolean.
    pub(in crate::wire) fn flag(&self, name: &str) -> Option<bool> {
        self.read(name)
    }

    /// Returns whether a member's JSON contains a text.
    pub(in crate::wire) fn contains(&self, name: &str, text: &str) -> bool {
        self.raw(name)
            .and_then(|raw| std::str::from_utf8(raw).ok())
            .is_some_and(|raw| raw.contains(text))
    }

    /// Returns all members except `without`, with secrets redacted.
    pub(in crate::wire) fn params(&self, without: &[&str]) -> Map<String, Value> {
        let mut params = Map::new();
        for (name, raw) in self.0.iter().filter(|(name, _)| !without.contains(&&**name)) {
            if let Ok(value) = serde_json::from_slice(raw) {
                params.insert(name.clone(), value);
            }
        }
        redact::members(&mut params);
        params
    }

    /// Returns a prompt that is built from the members, and redacted, when it is first read.
    pub(in crate::wire) fn prompt(
        &self,
        build: impl FnOnce(&Self) -> Vec<Value> + Send + 'static,
    ) -> Prompt {
        let members = self.clone();
        Prompt::lazy(move || {
            let mut messages = Value::Array(build(&members));
            redact::prompt(&mut messages);
            messages
        })
    }

    /// Reads a request of the common shape: `model`, `stream`, the members of the prompt; all others are
    /// parameters.
    pub(in crate::wire) fn start(
        &self,
        provider: &str,
        api: &str,
        prompt: &'static [&'static str],
        messages: impl FnOnce(&Self) -> Vec<Value> + Send + 'static,
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
        Members::parse(self.body)
    }
}
