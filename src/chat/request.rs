use std::{fmt, sync::Arc};

use serde_json::{Map, Value};

use super::{Message, Tool, ToolChoice};
use crate::redact;

/// A provider-independent request to a chat model.
///
/// A typed model, such as [`AnthropicModel`](crate::model::anthropic::AnthropicModel), converts it to the
/// provider's form. What the provider has no place for is refused as [`invalid`](super::ModelError::InvalidRequest), unless
/// the model's docs say that it is omitted. Clones, as retries make them, share the messages.
///
/// ```
/// use tower_llm_callbacks::chat::ChatRequest;
///
/// let request = ChatRequest::new("claude-3-haiku-20240307")
///     .max_tokens(256)
///     .temperature(0.2)
///     .system("You are a pirate.")
///     .user("Who are you?")
///     .assistant("Arr!")
///     .user("And where is your ship?");
/// assert_eq!(request.messages.len(), 3);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct ChatRequest {
    /// The name of the model.
    pub model: Arc<str>,
    /// The provider's name in events; see [`provider`](Self::provider).
    pub provider: Option<Arc<str>>,
    /// The API's name in events; see [`api`](Self::api).
    pub api: Option<Arc<str>>,
    /// The system prompt.
    pub system: Option<Arc<str>>,
    /// The messages so far.
    pub messages: Arc<Vec<Message>>,
    /// The maximum number of tokens in the answer.
    pub max_tokens: Option<u32>,
    /// The sampling temperature.
    pub temperature: Option<f64>,
    /// The probability mass of the tokens to sample from, from 0 to 1.
    pub top_p: Option<f64>,
    /// The number of most likely tokens to sample from.
    pub top_k: Option<u32>,
    /// The seed of sampling.
    pub seed: Option<i64>,
    /// Stop sequences.
    pub stop: Vec<String>,
    /// The tools that the model may call.
    pub tools: Vec<Tool>,
    /// Whether the model calls tools; `None` is the provider's default.
    pub tool_choice: Option<ToolChoice>,
    /// How much the model reasons: `low`, `medium`, `high` …
    pub reasoning_effort: Option<Arc<str>>,
    /// The JSON schema of the answer.
    pub answer_schema: Option<Arc<Value>>,
    /// Whether the model may call several tools at once; `None` is the provider's default.
    pub parallel_tool_calls: Option<bool>,
    /// The provider's tier of service, such as `flex` or `priority`.
    pub service_tier: Option<Arc<str>>,
    /// Whether to stream the answer.
    pub stream: bool,
    /// Other fields of the provider's request, sent unchanged.
    pub params: Map<String, Value>,
    /// Values for the layers below. The typed models move them to the HTTP request's extensions.
    pub extensions: http::Extensions,
}

impl ChatRequest {
    /// Creates a request for a streamed answer, without messages.
    pub fn new(model: impl Into<Arc<str>>) -> Self {
        Self {
            model: model.into(),
            provider: None,
            api: None,
            system: None,
            messages: Arc::default(),
            max_tokens: None,
            temperature: None,
            top_p: None,
            top_k: None,
            seed: None,
            stop: Vec::new(),
            tools: Vec::new(),
            tool_choice: None,
            reasoning_effort: None,
            answer_schema: None,
            parallel_tool_calls: None,
            service_tier: None,
            stream: true,
            params: Map::new(),
            extensions: http::Extensions::new(),
        }
    }

    /// Sets the provider's name in events. It does not affect where the request is sent.
    ///
    /// By default it is that of the typed model below the layer, whatever layers without a queue are between them. Of
    /// other services, and below a `tower::buffer::Buffer`, it is derived from the prefix of the model's name: `claude` is
    /// `anthropic`; `gpt`, `chatgpt`, `o1`, `o3` and `o4` are `openai`; `gemini` is `gcp.gemini`; any other is `unknown`.
    #[must_use]
    pub fn provider(mut self, name: impl Into<Arc<str>>) -> Self {
        self.provider = Some(name.into());
        self
    }

    /// Sets the API's name in events.
    ///
    /// By default it is found like the [`provider`](Self::provider): `messages`, `responses`,
    /// `chat_completions`, `generate_content`, or `chat`.
    #[must_use]
    pub fn api(mut self, name: impl Into<Arc<str>>) -> Self {
        self.api = Some(name.into());
        self
    }

    /// Sets the system prompt, which precedes all messages.
    #[must_use]
    pub fn system(mut self, text: impl Into<Arc<str>>) -> Self {
        self.system = Some(text.into());
        self
    }

    /// Adds a text message of the user.
    #[must_use]
    pub fn user(self, text: impl Into<String>) -> Self {
        self.message(Message::user(text))
    }

    /// Adds a text message of the model.
    #[must_use]
    pub fn assistant(self, text: impl Into<String>) -> Self {
        self.message(Message::assistant(text))
    }

    /// Adds a message.
    #[must_use]
    pub fn message(self, message: Message) -> Self {
        self.messages([message])
    }

    /// Adds messages.
    #[must_use]
    pub fn messages(mut self, messages: impl IntoIterator<Item = Message>) -> Self {
        Arc::make_mut(&mut self.messages).extend(messages);
        self
    }

    /// Sets the maximum number of tokens in the answer.
    #[must_use]
    pub fn max_tokens(mut self, tokens: u32) -> Self {
        self.max_tokens = Some(tokens);
        self
    }

    /// Sets the sampling temperature. The valid range depends on the provider.
    #[must_use]
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// Sets the probability mass, from 0 to 1, of the tokens to sample from.
    #[must_use]
    pub fn top_p(mut self, share: f64) -> Self {
        self.top_p = Some(share);
        self
    }

    /// Sets the number of most likely tokens to sample from.
    #[must_use]
    pub fn top_k(mut self, tokens: u32) -> Self {
        self.top_k = Some(tokens);
        self
    }

    /// Sets the seed of sampling, for answers that repeat as far as the provider can.
    #[must_use]
    pub fn seed(mut self, seed: i64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Adds stop sequences.
    #[must_use]
    pub fn stop<T: Into<String>>(mut self, texts: impl IntoIterator<Item = T>) -> Self {
        self.stop.extend(texts.into_iter().map(Into::into));
        self
    }

    /// Adds a tool that the model may call.
    #[must_use]
    pub fn tool(mut self, tool: Tool) -> Self {
        self.tools.push(tool);
        self
    }

    /// Sets whether the model calls tools.
    #[must_use]
    pub fn tool_choice(mut self, choice: ToolChoice) -> Self {
        self.tool_choice = Some(choice);
        self
    }

    /// Sets how much the model reasons, in the provider's words: `low`, `medium`, `high` …
    #[must_use]
    pub fn reasoning_effort(mut self, effort: impl Into<Arc<str>>) -> Self {
        self.reasoning_effort = Some(effort.into());
        self
    }

    /// Requires an answer that is JSON of this schema.
    ///
    /// ```
    /// use serde_json::json;
    /// use tower_llm_callbacks::chat::ChatRequest;
    ///
    /// let schema = json!({"type": "object", "properties": {"city": {"type": "string"}},
    ///     "required": ["city"], "additionalProperties": false});
    /// let request = ChatRequest::new("gpt-5-mini").user("The capital of France?").answer_schema(schema);
    /// ```
    #[must_use]
    pub fn answer_schema(mut self, schema: Value) -> Self {
        self.answer_schema = Some(Arc::new(schema));
        self
    }

    /// Sets whether the model may call several tools at once.
    #[must_use]
    pub fn parallel_tool_calls(mut self, allowed: bool) -> Self {
        self.parallel_tool_calls = Some(allowed);
        self
    }

    /// Sets the provider's tier of service.
    #[must_use]
    pub fn service_tier(mut self, tier: impl Into<Arc<str>>) -> Self {
        self.service_tier = Some(tier.into());
        self
    }

    /// Sets whether to stream the answer (default true).
    #[must_use]
    pub fn stream(mut self, stream: bool) -> Self {
        self.stream = stream;
        self
    }

    /// Sets a field of the provider's request, sent unchanged: what no other method sets, such as `previous_response_id`,
    /// `thinking`, or a field that is newer than this crate. It takes precedence over a field of the same name
    /// that the request would send. Objects of settings, such as Gemini's `generationConfig`, are merged, the parameter's
    /// members first.
    #[must_use]
    pub fn param(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.params.insert(name.into(), value.into());
        self
    }
}

/// Omits the extensions and redacts secrets in [`params`](ChatRequest::params).
impl fmt::Debug for ChatRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatRequest")
            .field("model", &self.model)
            .field("provider", &self.provider)
            .field("api", &self.api)
            .field("system", &self.system)
            .field("messages", &self.messages)
            .field("max_tokens", &self.max_tokens)
            .field("temperature", &self.temperature)
            .field("top_p", &self.top_p)
            .field("top_k", &self.top_k)
            .field("seed", &self.seed)
            .field("stop", &self.stop)
            .field("tools", &self.tools)
            .field("tool_choice", &self.tool_choice)
            .field("reasoning_effort", &self.reasoning_effort)
            .field("answer_schema", &self.answer_schema)
            .field("parallel_tool_calls", &self.parallel_tool_calls)
            .field("service_tier", &self.service_tier)
            .field("stream", &self.stream)
            .field("params", &redact::redacted(&self.params))
            .finish_non_exhaustive()
    }
}
