use std::{fmt, sync::Arc};

use serde_json::{Map, Value, json};

use crate::{
    chat::{ModelError, identity},
    event::{LlmStart, Prompt},
    extract::LlmRequest,
    redact,
};

/// A provider-independent request to a model of embeddings.
///
/// ```
/// use tower_llm_callbacks::model::embeddings::EmbeddingRequest;
///
/// let request = EmbeddingRequest::new("embed-v4.0")
///     .inputs(["Why can't a bicycle stand up?", "It is two-tired."])
///     .task("search_document")
///     .dimensions(256);
/// assert_eq!(request.inputs.len(), 2);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct EmbeddingRequest {
    /// The name of the model.
    pub model: Arc<str>,
    /// The texts.
    pub inputs: Arc<Vec<String>>,
    /// The number of dimensions of each vector.
    pub dimensions: Option<u32>,
    /// What the vectors are for, in the provider's words: `search_query`, `RETRIEVAL_DOCUMENT` …
    pub task: Option<Arc<str>>,
    /// Other fields of the provider's request, sent unchanged.
    pub params: Map<String, Value>,
    /// Values for the layers below. The models move them to the HTTP request's extensions.
    pub extensions: http::Extensions,
}

impl EmbeddingRequest {
    /// Creates a request without texts.
    pub fn new(model: impl Into<Arc<str>>) -> Self {
        Self {
            model: model.into(),
            inputs: Arc::default(),
            dimensions: None,
            task: None,
            params: Map::new(),
            extensions: http::Extensions::new(),
        }
    }

    /// Adds a text.
    #[must_use]
    pub fn input(self, text: impl Into<String>) -> Self {
        self.inputs([text])
    }

    /// Adds texts.
    #[must_use]
    pub fn inputs<T: Into<String>>(mut self, texts: impl IntoIterator<Item = T>) -> Self {
        Arc::make_mut(&mut self.inputs).extend(texts.into_iter().map(Into::into));
        self
    }

    /// Sets the number of dimensions of each vector.
    #[must_use]
    pub fn dimensions(mut self, dimensions: u32) -> Self {
        self.dimensions = Some(dimensions);
        self
    }

    /// Sets what the vectors are for, in the provider's words.
    #[must_use]
    pub fn task(mut self, task: impl Into<Arc<str>>) -> Self {
        self.task = Some(task.into());
        self
    }

    /// Sets a field of the provider's request, sent unchanged. It takes precedence over a field of the same name.
    #[must_use]
    pub fn param(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.params.insert(name.into(), value.into());
        self
    }

    /// Checks what all providers require. `input` is the name of the field with the texts.
    pub(in crate::model) fn check(&self, input: &str) -> Result<(), ModelError> {
        if self.model.is_empty() && !self.params.contains_key("model") {
            let message = "no model: pass its name to EmbeddingRequest::new";
            return Err(ModelError::invalid(message));
        }
        if self.inputs.is_empty() && !self.params.contains_key(input) {
            let message = "no text to embed: add one, for example with EmbeddingRequest::input";
            return Err(ModelError::invalid(message));
        }
        Ok(())
    }

    /// Checks that there is no task, for APIs without one.
    pub(in crate::model) fn no_task(&self, api: &str) -> Result<(), ModelError> {
        match self.task {
            None => Ok(()),
            Some(_) => Err(ModelError::invalid(format!("{api} takes no task: omit it"))),
        }
    }
}

impl LlmRequest for EmbeddingRequest {
    fn llm_start(&self) -> LlmStart {
        let (provider, api) = match identity::current() {
            Some(identity) => (identity.provider, identity.api),
            None => ("unknown", "embeddings"),
        };
        let inputs = Arc::clone(&self.inputs);
        let mut start = LlmStart::new(provider, api)
            .model(Arc::clone(&self.model))
            .stream(false)
            .inputs(self.inputs.len() as u64)
            .messages(Prompt::lazy(move || json!(*inputs)));
        let set = [
            ("dimensions", self.dimensions.map(Value::from)),
            ("task", self.task.as_deref().map(Value::from)),
        ];
        let set = set.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        start.params = set.chain(self.params.clone()).collect();
        redact::members(&mut start.params);
        start
    }

    fn extensions(&self) -> Option<&http::Extensions> {
        Some(&self.extensions)
    }

    fn extensions_mut(&mut self) -> Option<&mut http::Extensions> {
        Some(&mut self.extensions)
    }
}

/// Omits the extensions and redacts secrets in [`params`](EmbeddingRequest::params).
impl fmt::Debug for EmbeddingRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddingRequest")
            .field("model", &self.model)
            .field("inputs", &self.inputs)
            .field("dimensions", &self.dimensions)
            .field("task", &self.task)
            .field("params", &redact::redacted(&self.params))
            .finish_non_exhaustive()
    }
}
