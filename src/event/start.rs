use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::HttpRequestInfo;

/// What is known of an LLM call when it starts: what `on_llm_start` is told.
///
/// ```
/// use serde_json::json;
/// use tower_llm_callbacks::{LlmStart, Prompt};
///
/// let start = LlmStart::new("anthropic", "messages")
///     .model("claude-3-haiku-20240307")
///     .messages(Prompt::json(json!([{"role": "user", "content": "Tell me a joke"}])))
///     .param("max_tokens", 25);
/// assert_eq!(start.model.as_deref(), Some("claude-3-haiku-20240307"));
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LlmStart {
    /// Who answers: `anthropic`, `openai`, `gcp.gemini`, `ollama` …
    pub provider: Arc<str>,
    /// Which of its interfaces: `messages`, `chat_completions`, `responses` …
    pub api: Arc<str>,
    /// The model asked for.
    #[serde(default)]
    pub model: Option<Arc<str>>,
    /// Whether a streamed answer was asked for.
    #[serde(default)]
    pub stream: bool,
    /// The prompt; null where its content is not captured.
    #[serde(default)]
    pub messages: Prompt,
    /// `max_tokens`, `temperature` … as sent.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// The HTTP request, where the call is one that a layer over HTTP sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Box<HttpRequestInfo>>,
}

impl LlmStart {
    /// A streamed call of a provider's interface, with neither model nor prompt.
    pub fn new(provider: impl Into<Arc<str>>, api: impl Into<Arc<str>>) -> Self {
        Self {
            provider: provider.into(),
            api: api.into(),
            model: None,
            stream: true,
            messages: Prompt::none(),
            params: Map::new(),
            http: None,
        }
    }

    /// Sets the model asked for.
    #[must_use]
    pub fn model(mut self, model: impl Into<Arc<str>>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Sets whether a streamed answer was asked for.
    #[must_use]
    pub fn stream(mut self, stream: bool) -> Self {
        self.stream = stream;
        self
    }

    /// Sets the prompt.
    #[must_use]
    pub fn messages(mut self, messages: Prompt) -> Self {
        self.messages = messages;
        self
    }

    /// Adds a parameter as it was sent.
    #[must_use]
    pub fn param(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.params.insert(name.into(), value.into());
        self
    }
}

/// The prompt of a call as JSON: an array of messages, or null where it is not captured.
///
/// Cheap to clone; a lazy one is built when the first handler looks at it, once for all of them.
#[derive(Clone, Default)]
pub struct Prompt(Option<Arc<Lazy>>);

type Lazy = LazyLock<Value, Box<dyn FnOnce() -> Value + Send>>;

impl Prompt {
    /// No prompt: it is not captured.
    pub fn none() -> Self {
        Self(None)
    }

    /// A prompt that is at hand as JSON.
    pub fn json(value: Value) -> Self {
        Self::lazy(move || value)
    }

    /// A prompt that is built when somebody looks at it.
    pub fn lazy(build: impl FnOnce() -> Value + Send + 'static) -> Self {
        Self(Some(Arc::new(LazyLock::new(Box::new(build)))))
    }

    pub(crate) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// The prompt; builds it if this is the first look at a lazy one.
    pub fn get(&self) -> Option<&Value> {
        self.0.as_deref().map(|lazy| &**lazy)
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
