use std::{fmt, sync::Arc};

use serde_json::{Map, Value};

use super::{Message, Tool, ToolChoice};
use crate::redact;

/// What is asked of a chat model, in no provider's own form.
///
/// A typed model, such as [`AnthropicModel`](crate::model::anthropic::AnthropicModel), turns it into
/// the provider's form. Cloning it, for a retry, does not copy the messages.
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
    /// The model asked for.
    pub model: Arc<str>,
    /// Who answers, as events say it; see [`provider`](Self::provider).
    pub provider: Option<Arc<str>>,
    /// Which of the provider's interfaces answers, as events say it; see [`api`](Self::api).
    pub api: Option<Arc<str>>,
    /// How the model is to behave.
    pub system: Option<Arc<str>>,
    /// The messages so far.
    pub messages: Arc<Vec<Message>>,
    /// The most tokens that the answer may have.
    pub max_tokens: Option<u32>,
    /// How freely the model picks its words.
    pub temperature: Option<f64>,
    /// Words are picked from the likeliest ones, which make up this share.
    pub top_p: Option<f64>,
    /// Words are picked from this many likeliest ones.
    pub top_k: Option<u32>,
    /// Texts at which the answer stops.
    pub stop: Vec<String>,
    /// Tools that the model may call.
    pub tools: Vec<Tool>,
    /// Whether the model calls tools; none leaves it to the provider.
    pub tool_choice: Option<ToolChoice>,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Whatever else the provider takes, sent as it is.
    pub params: Map<String, Value>,
    /// Values for the layers below; the typed models put them into the HTTP request's extensions.
    pub extensions: http::Extensions,
}

impl ChatRequest {
    /// A request for a streamed answer of a model, without messages.
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
            stop: Vec::new(),
            tools: Vec::new(),
            tool_choice: None,
            stream: true,
            params: Map::new(),
            extensions: http::Extensions::new(),
        }
    }

    /// Sets who answers, as events say it. It is only told: which model gets the request is decided
    /// by the service that it is given to.
    ///
    /// Where it is not set, events say what the model's name begins with: `claude` is `anthropic`;
    /// `gpt`, `chatgpt`, `o1`, `o3` and `o4` are `openai`; `gemini` is `gcp.gemini`; anything else is
    /// `unknown`.
    #[must_use]
    pub fn provider(mut self, name: impl Into<Arc<str>>) -> Self {
        self.provider = Some(name.into());
        self
    }

    /// Sets which of the provider's interfaces answers, as events say it.
    ///
    /// Where it is not set, events say what the model's name begins with, as for
    /// [`provider`](Self::provider): `messages`, `chat_completions`, `generate_content`, else `chat`.
    #[must_use]
    pub fn api(mut self, name: impl Into<Arc<str>>) -> Self {
        self.api = Some(name.into());
        self
    }

    /// Sets how the model is to behave; it comes before all messages.
    #[must_use]
    pub fn system(mut self, text: impl Into<Arc<str>>) -> Self {
        self.system = Some(text.into());
        self
    }

    /// Adds a text of the person who talks to the model.
    #[must_use]
    pub fn user(self, text: impl Into<String>) -> Self {
        self.message(Message::user(text))
    }

    /// Adds a text of the model.
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

    /// Sets the most tokens that the answer may have.
    #[must_use]
    pub fn max_tokens(mut self, tokens: u32) -> Self {
        self.max_tokens = Some(tokens);
        self
    }

    /// Sets how freely the model picks its words; the provider says in which range.
    #[must_use]
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// Sets the share, from 0 to 1, of likeliest words to pick from.
    #[must_use]
    pub fn top_p(mut self, share: f64) -> Self {
        self.top_p = Some(share);
        self
    }

    /// Sets how many likeliest words to pick from.
    #[must_use]
    pub fn top_k(mut self, words: u32) -> Self {
        self.top_k = Some(words);
        self
    }

    /// Adds texts at which the answer stops.
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

    /// Sets whether the answer is to be streamed; it is unless this is called.
    #[must_use]
    pub fn stream(mut self, stream: bool) -> Self {
        self.stream = stream;
        self
    }

    /// Sets a field of the provider's request, sent as it is. It goes before whatever the request
    /// would send under the same name.
    #[must_use]
    pub fn param(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.params.insert(name.into(), value.into());
        self
    }
}

/// Extensions are left out, and secrets among [`params`](ChatRequest::params) covered.
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
            .field("stop", &self.stop)
            .field("tools", &self.tools)
            .field("tool_choice", &self.tool_choice)
            .field("stream", &self.stream)
            .field("params", &redact::redacted(&self.params))
            .finish_non_exhaustive()
    }
}
