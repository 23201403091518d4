use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::json::write_value;

/// The prompt of a call as JSON: an array of messages, or nothing if it is not captured.
///
/// Cheap to clone. A lazy prompt is built when the first handler reads it, once for all handlers.
#[derive(Clone, Default)]
pub struct Prompt(Option<Arc<Inner>>);

struct Inner {
    json: LazyLock<Value, Box<dyn FnOnce() -> Value + Send>>,
    /// Where the prompt is read from, if it can be written without a value.
    source: Option<Arc<dyn PromptSource>>,
    /// Dropped with the prompt.
    held: Option<Arc<dyn Send + Sync>>,
}

/// A prompt that can be written as JSON without building its value.
pub(crate) trait PromptSource: Send + Sync {
    fn value(&self) -> Value;

    /// Returns about how many bytes the prompt has.
    fn size(&self) -> usize;

    /// Appends the prompt as JSON, on one line.
    fn write(&self, out: &mut Vec<u8>);
}

impl Prompt {
    /// Creates a prompt that is not captured.
    pub fn none() -> Self {
        Self(None)
    }

    /// Creates a prompt from a JSON value.
    pub fn json(value: Value) -> Self {
        Self::lazy(move || value)
    }

    /// Creates a prompt that is built when it is read first.
    pub fn lazy(build: impl FnOnce() -> Value + Send + 'static) -> Self {
        let json = LazyLock::new(Box::new(build) as Box<_>);
        Self(Some(Arc::new(Inner { json, source: None, held: None })))
    }

    pub(crate) fn of(source: impl PromptSource + 'static) -> Self {
        let source: Arc<dyn PromptSource> = Arc::new(source);
        let of_value = Arc::clone(&source);
        let json = LazyLock::new(Box::new(move || of_value.value()) as Box<_>);
        Self(Some(Arc::new(Inner { json, source: Some(source), held: None })))
    }

    /// Returns about how many bytes the prompt has; `None` if that is not known without building it.
    pub(crate) fn known_size(&self) -> Option<usize> {
        Some(self.0.as_ref()?.source.as_ref()?.size())
    }

    /// Appends the prompt as JSON, on one line.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match &self.0 {
            None => out.extend_from_slice(b"null"),
            Some(inner) => match &inner.source {
                Some(source) => source.write(out),
                None => write_value(&inner.json, out),
            },
        }
    }

    /// Holds a value as long as the prompt exists. Has no effect on a prompt that was cloned.
    pub(crate) fn hold(&mut self, held: Arc<dyn Send + Sync>) {
        if let Some(inner) = self.0.as_mut().and_then(Arc::get_mut) {
            inner.held = Some(held);
        }
    }

    pub(crate) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// Returns the prompt, and builds it if this is the first read of a lazy one. `None` if it is not captured.
    pub fn get(&self) -> Option<&Value> {
        self.0.as_deref().map(|inner| &*inner.json)
    }
}

/// Compares the JSON, which builds lazy prompts.
impl PartialEq for Prompt {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl fmt::Debug for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(_) => f.write_str("Prompt(..)"),
            None => f.write_str("Prompt(none)"),
        }
    }
}

impl<'de> Deserialize<'de> for Prompt {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Option::<Value>::deserialize(from)?.map_or_else(Self::none, Self::json))
    }
}

impl Serialize for Prompt {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.get().serialize(serializer)
    }
}
