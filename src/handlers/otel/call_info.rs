use std::sync::Arc;

use opentelemetry::KeyValue;

use super::{
    SemanticConventions, agent, names, params,
    server::ServerAddress,
    value::{cut, short, text, texts},
};
use crate::{
    event::LlmStart,
    handlers::operation::operation,
    run::{Run, RunType},
};

/// The facts about a model call that its start event states, for spans and metrics.
pub(super) struct CallInfo {
    pub(super) operation: &'static str,
    pub(super) provider: Arc<str>,
    pub(super) model: Option<Arc<str>>,
    pub(super) server: Option<ServerAddress>,
}

impl CallInfo {
    pub(super) fn of(run: &Run, start: &LlmStart) -> Self {
        Self {
            operation: operation(run.run_type(), start),
            provider: Arc::clone(&start.provider),
            model: start.model.clone(),
            server: ServerAddress::of(start),
        }
    }

    /// Returns `{operation} {model}`, or the operation if the model is unknown.
    pub(super) fn span_name(&self) -> String {
        match &self.model {
            Some(model) => format!("{} {}", self.operation, cut(model)),
            None => self.operation.to_owned(),
        }
    }

    /// Returns the attributes to set when the span is created, so that samplers see them.
    pub(super) fn attributes(
        &self,
        run: &Run,
        start: &LlmStart,
        conventions: SemanticConventions,
    ) -> Vec<KeyValue> {
        let mut attributes = vec![
            text(names::OPERATION, self.operation),
            text(names::PROVIDER, short(&self.provider)),
        ];
        attributes.extend(self.model.as_ref().map(|model| text(names::MODEL, short(model))));
        if let Some(server) = &self.server {
            attributes.push(text(names::SERVER_ADDRESS, cut(&server.address)));
            let port = server.port.map(i64::from);
            attributes.extend(port.map(|port| KeyValue::new(names::SERVER_PORT, port)));
        }
        if start.stream {
            attributes.push(KeyValue::new(names::STREAM, true));
        }
        // The user's id takes precedence over the request's. No id is generated.
        let conversation = agent::metadata(run, names::CONVERSATION);
        let conversation = conversation.or_else(|| params::conversation(&start.params));
        attributes.extend(conversation.map(|id| text(names::CONVERSATION, cut(id))));
        params::attributes(&start.params, conventions, &mut attributes);
        attributes.extend(made(run, start).map(|made| text(names::OUTPUT_TYPE, made)));
        if run.run_type() == RunType::Embedding {
            let formats = params::encoding_formats(&start.params);
            attributes.extend(formats.map(|it| texts(names::ENCODING_FORMATS, it)));
        }
        if &*self.provider == "openai" {
            if matches!(&*start.api, "chat_completions" | "responses") {
                attributes.push(text(names::OPENAI_API, short(&start.api)));
            }
            let tier = params::service_tier(&start.params);
            attributes.extend(tier.map(|tier| text(names::OPENAI_TIER, cut(tier))));
        }
        attributes
    }
}

/// Returns what a model of images or of speech makes. What understands speech makes text.
fn made(run: &Run, start: &LlmStart) -> Option<&'static str> {
    match run.run_type() {
        RunType::Image => Some("image"),
        RunType::Audio if start.api.contains("speech") => Some("speech"),
        RunType::Audio => Some("text"),
        _ => None,
    }
}
