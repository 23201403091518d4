use std::fmt;

use super::{
    MaxTokensField, OpenAiApi,
    endpoint::{base_url, endpoint},
};
use crate::model::{ConfigError, Secret};

/// Where OpenAI's API is, or that of a server which speaks it too, and how to ask it.
///
/// The debug form shows neither the key nor the values of extra headers, and a base URL only where it
/// is one that can be used: another may hold a secret.
///
/// ```
/// use tower_llm_callbacks::model::openai::{MaxTokensField, OpenAiApi, OpenAiConfig};
///
/// let openai = OpenAiConfig::new("sk-1").api(OpenAiApi::Responses).project("proj_1");
/// openai.validate()?;
///
/// let local = OpenAiConfig::without_key("http://localhost:11434/v1")
///     .max_tokens_field(MaxTokensField::MaxTokens);
/// local.validate()?;
/// # Ok::<_, tower_llm_callbacks::model::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct OpenAiConfig {
    pub(super) api_key: Option<Secret>,
    pub(super) base_url: String,
    pub(super) organization: Option<String>,
    pub(super) project: Option<String>,
    pub(super) headers: Vec<(String, Secret)>,
    pub(super) api: OpenAiApi,
    pub(super) include_usage: bool,
    pub(super) max_tokens_field: MaxTokensField,
}

impl OpenAiConfig {
    /// OpenAI's own API, `https://api.openai.com/v1`, with a key.
    pub fn new(api_key: impl Into<Secret>) -> Self {
        Self { api_key: Some(api_key.into()), ..Self::without_key("https://api.openai.com/v1") }
    }

    /// A server that wants no key, such as one on this machine: no authorization is sent.
    pub fn without_key(base_url: impl Into<String>) -> Self {
        Self {
            api_key: None,
            base_url: base_url.into(),
            organization: None,
            project: None,
            headers: Vec::new(),
            api: OpenAiApi::default(),
            include_usage: true,
            max_tokens_field: MaxTokensField::default(),
        }
    }

    /// Sets the URL to which `/chat/completions` or `/responses` is added, as OpenAI's own libraries
    /// do: `http` or `https`, with a path if need be, without user and query.
    ///
    /// Mostly it ends in `/v1`, as in `http://localhost:8000/v1` (vLLM), `http://localhost:8080/v1`
    /// (llama.cpp), `http://localhost:11434/v1` (Ollama) and `https://api.groq.com/openai/v1`.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self
    }

    /// Sets the organization that pays, for keys that belong to several.
    #[must_use]
    pub fn organization(mut self, id: impl Into<String>) -> Self {
        self.organization = Some(id.into());
        self
    }

    /// Sets the project that the calls belong to.
    #[must_use]
    pub fn project(mut self, id: impl Into<String>) -> Self {
        self.project = Some(id.into());
        self
    }

    /// Adds a header to every request; it takes the place of one that is sent anyway. Its value is
    /// treated as a secret.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets which interface is spoken, [Chat Completions](OpenAiApi::ChatCompletions) unless this is
    /// called.
    ///
    /// A request does not know of it. So that events say who answers, say it there too:
    ///
    /// ```
    /// use tower_llm_callbacks::chat::ChatRequest;
    ///
    /// let request = ChatRequest::new("gpt-4o-mini").api("responses").user("Hello");
    /// let local = ChatRequest::new("llama3.2").provider("ollama").api("chat_completions");
    /// ```
    #[must_use]
    pub fn api(mut self, api: OpenAiApi) -> Self {
        self.api = api;
        self
    }

    /// Sets whether streamed answers of Chat Completions are asked for their usage, as they are unless
    /// this is called. Without, most servers leave it out of a stream; some do not know the field,
    /// `stream_options`. All other answers have their usage anyway.
    #[must_use]
    pub fn include_usage(mut self, include: bool) -> Self {
        self.include_usage = include;
        self
    }

    /// Sets the field in which Chat Completions is told a request's `max_tokens`.
    #[must_use]
    pub fn max_tokens_field(mut self, field: MaxTokensField) -> Self {
        self.max_tokens_field = field;
        self
    }

    /// Whether it can be used. A model made with a configuration that cannot refuses every request
    /// with the same message.
    ///
    /// # Errors
    ///
    /// If the URL is none of those that [`base_url`](Self::base_url) takes, or the key, the
    /// organization, the project or a header is empty or cannot be sent.
    pub fn validate(&self) -> Result<(), ConfigError> {
        endpoint(self).map(drop)
    }
}

impl fmt::Debug for OpenAiConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiConfig")
            .field("api_key", &self.api_key)
            .field("base_url", &base_url(self.api).shown(&self.base_url))
            .field("organization", &self.organization)
            .field("project", &self.project)
            .field("headers", &self.headers)
            .field("api", &self.api)
            .field("include_usage", &self.include_usage)
            .field("max_tokens_field", &self.max_tokens_field)
            .finish()
    }
}
