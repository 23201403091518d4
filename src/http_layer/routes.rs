use std::sync::Arc;

use http::Method;

use super::pattern::{Pattern, RequestPath};
use crate::{
    panics::catch,
    run::RunType,
    wire::{
        Format, Match,
        anthropic::AnthropicMessages,
        gemini::Gemini,
        mcp::Mcp,
        ollama::{OllamaChat, OllamaGenerate},
        openai_chat::{OpenAiChat, OpenAiCompletions},
        openai_responses::OpenAiResponses,
    },
};

/// Maps requests to the formats of their LLM calls.
#[derive(Debug, Clone)]
pub(super) struct Routes {
    /// The paths that the user routes, the last first.
    routed: Vec<(Pattern, Option<Arc<dyn Format>>)>,
    /// The formats that match their own calls, the user's first.
    formats: Vec<Arc<dyn Format>>,
    /// The paths that the user sets the provider of, the last first.
    providers: Vec<(Pattern, Arc<str>)>,
}

/// What a request is.
pub(super) enum Found {
    /// A call of an API, and the type of its run.
    Call(Arc<dyn Format>, RunType),
    /// It is to pass unobserved.
    Ignored,
    Unknown,
}

impl Routes {
    pub(super) fn known() -> Self {
        let formats: Vec<Arc<dyn Format>> = vec![
            Arc::new(AnthropicMessages),
            Arc::new(OpenAiChat),
            Arc::new(OpenAiCompletions),
            Arc::new(OpenAiResponses),
            Arc::new(Gemini),
            Arc::new(OllamaChat),
            Arc::new(OllamaGenerate),
            Arc::new(Mcp),
        ];
        Self { routed: Vec::new(), formats, providers: Vec::new() }
    }

    pub(super) fn add(&mut self, format: Arc<dyn Format>) {
        self.formats.insert(0, format);
    }

    pub(super) fn set(&mut self, path: &str, format: Option<Arc<dyn Format>>) {
        self.routed.insert(0, (Pattern::new(path), format));
    }

    pub(super) fn set_provider(&mut self, path: &str, provider: Arc<str>) {
        self.providers.insert(0, (Pattern::new(path), provider));
    }

    /// Returns the provider that is set for a path.
    pub(super) fn provider(&self, path: RequestPath<'_>) -> Option<&Arc<str>> {
        let mut providers = self.providers.iter();
        providers.find(|(pattern, _)| pattern.matches(path)).map(|(_, provider)| provider)
    }

    pub(super) fn find(&self, method: &Method, path: RequestPath<'_>) -> Found {
        // These methods call no model, whatever the path. Browsers send them before a call.
        if matches!(*method, Method::OPTIONS | Method::HEAD | Method::CONNECT | Method::TRACE) {
            return Found::Unknown;
        }
        if let Some((_, format)) = self.routed.iter().find(|(pattern, _)| pattern.matches(path)) {
            return match format {
                Some(format) => call(format),
                None => Found::Ignored,
            };
        }
        let found = self.formats.iter().find(|format| {
            // A format may be user code, and must not break the call.
            let matched = catch(|| format.matches(method, path.normal)).unwrap_or_else(|_| {
                tracing::error!(target: "tower_llm_callbacks", "a wire format panicked on a path");
                Match::No
            });
            matched == Match::Yes
        });
        found.map_or(Found::Unknown, call)
    }
}

fn call(format: &Arc<dyn Format>) -> Found {
    let run_type = catch(|| format.run_type()).unwrap_or_else(|_| {
        tracing::error!(target: "tower_llm_callbacks", "a wire format panicked on its run type");
        RunType::Llm
    });
    Found::Call(Arc::clone(format), run_type)
}
