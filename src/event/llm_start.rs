use std::sync::{Arc, Weak};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{HttpRequestInfo, Prompt, json};

/// What is known of a model's call when it starts: the payload of `on_llm_start`, and of the starts of calls of other
/// models, such as `on_embedding_start`.
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LlmStart {
    /// The provider: `anthropic`, `openai`, `gcp.gemini`, `ollama` …
    pub provider: Arc<str>,
    /// The provider's interface: `messages`, `chat_completions`, `responses` …
    pub api: Arc<str>,
    /// The requested model.
    #[serde(default)]
    pub model: Option<Arc<str>>,
    /// Whether a streamed answer was requested.
    #[serde(default)]
    pub stream: bool,
    /// The prompt, or the input of a model that is not a language model: texts to embed, a query and documents. Null in
    /// records where content is not captured.
    #[serde(default, alias = "input")]
    pub messages: Prompt,
    /// The number of inputs of a call that generates no text: texts to embed, documents to rank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<u64>,
    /// Parameters such as `max_tokens` and `temperature`, as sent.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// Whether the call only fetches an answer that another call has generated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fetched: bool,
    /// The HTTP request, if an HTTP layer observed the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Box<HttpRequestInfo>>,
    /// The start of which this one has a part.
    #[serde(skip)]
    uncut: Uncut,
}

/// The start before its content was cut, for what only counts it. The run alone keeps it, so that whoever keeps the cut one
/// does not keep content.
#[derive(Debug, Clone, Default)]
struct Uncut(Weak<LlmStart>);

/// Any two are equal: the field is no part of the event.
impl PartialEq for Uncut {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl LlmStart {
    /// Appends the start as JSON, as it serialises, but for how numbers of the prompt look.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let Self {
            provider,
            api,
            model,
            stream,
            messages,
            inputs,
            params,
            fetched,
            http,
            uncut: _,
        } = self;
        out.extend_from_slice(b"{\"provider\":");
        json::write_text(provider, out);
        out.extend_from_slice(b",\"api\":");
        json::write_text(api, out);
        out.extend_from_slice(b",\"model\":");
        json::write(model, out)?;
        out.extend_from_slice(b",\"stream\":");
        json::write(stream, out)?;
        out.extend_from_slice(b",\"messages\":");
        messages.write(out);
        if let Some(inputs) = inputs {
            out.extend_from_slice(b",\"inputs\":");
            json::write(inputs, out)?;
        }
        out.extend_from_slice(b",\"params\":");
        json::write_members(params, out);
        if *fetched {
            out.extend_from_slice(b",\"fetched\":true");
        }
        if let Some(http) = http {
            out.extend_from_slice(b",\"http\":");
            json::write(http, out)?;
        }
        out.push(b'}');
        Ok(())
    }

    /// Creates the start of a streamed call of a provider's interface, without model and prompt.
    pub fn new(provider: impl Into<Arc<str>>, api: impl Into<Arc<str>>) -> Self {
        Self {
            provider: provider.into(),
            api: api.into(),
            model: None,
            stream: true,
            messages: Prompt::none(),
            inputs: None,
            params: Map::new(),
            fetched: false,
            http: None,
            uncut: Uncut::default(),
        }
    }

    /// Refers to the start of which this one is a part.
    pub(crate) fn cut_from(mut self, uncut: &Arc<Self>) -> Self {
        self.uncut = Uncut(Arc::downgrade(uncut));
        self
    }

    /// Returns the start before its content was cut, while its run lasts. Nothing of it may be delivered or recorded.
    #[cfg_attr(not(feature = "usage"), expect(dead_code))]
    pub(crate) fn uncut(&self) -> Option<Arc<Self>> {
        self.uncut.0.upgrade()
    }

    /// Sets the requested model.
    #[must_use]
    pub fn model(mut self, model: impl Into<Arc<str>>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Sets whether a streamed answer was requested.
    #[must_use]
    pub fn stream(mut self, stream: bool) -> Self {
        self.stream = stream;
        self
    }

    /// Sets whether the call only fetches an answer that another call has generated.
    #[must_use]
    pub fn fetched(mut self, fetched: bool) -> Self {
        self.fetched = fetched;
        self
    }

    /// Sets the prompt.
    #[must_use]
    pub fn messages(mut self, messages: Prompt) -> Self {
        self.messages = messages;
        self
    }

    /// Sets the number of inputs of a call that generates no text.
    #[must_use]
    pub fn inputs(mut self, inputs: u64) -> Self {
        self.inputs = Some(inputs);
        self
    }

    /// Adds a parameter as it was sent.
    #[must_use]
    pub fn param(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.params.insert(name.into(), value.into());
        self
    }
}
