use std::sync::Arc;

use http::Method;

use super::pattern::{Pattern, RequestPath};
use crate::{
    panics::guarded,
    wire::{
        Format,
        anthropic::AnthropicMessages,
        bedrock::{BedrockConverse, BedrockInvoke},
        cohere::{CohereChat, CohereGenerate},
        dashscope::DashScope,
        gemini::Gemini,
        gemini_interactions::GeminiInteractions,
        mcp::Mcp,
        mistral::MistralConversations,
        ollama::{OllamaChat, OllamaGenerate},
        openai_chat::{OpenAiChat, OpenAiCompletions},
        openai_responses::OpenAiResponses,
        operations,
        text_generation::{AnthropicComplete, LlamaCppCompletion, TgiGenerate, WatsonxGeneration},
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
    /// An LLM call, unless its body says something else.
    Call(Matched),
    /// The request passes unobserved.
    Ignored,
    Unknown,
}

/// A format that a request may have, by its method and path.
#[derive(Debug)]
pub(super) struct Matched {
    pub(super) format: Arc<dyn Format>,
    /// Where those begin that may have the request, too. `None` if the path is routed.
    others: Option<usize>,
}

impl Routes {
    pub(super) fn known() -> Self {
        let mut formats: Vec<Arc<dyn Format>> = vec![
            Arc::new(AnthropicMessages),
            Arc::new(OpenAiChat),
            Arc::new(OpenAiCompletions),
            Arc::new(OpenAiResponses),
            Arc::new(Gemini),
            Arc::new(OllamaChat),
            Arc::new(OllamaGenerate),
            Arc::new(BedrockConverse),
            Arc::new(BedrockInvoke),
            Arc::new(CohereChat),
            Arc::new(CohereGenerate),
            Arc::new(GeminiInteractions),
            Arc::new(MistralConversations),
            Arc::new(AnthropicComplete),
            Arc::new(LlamaCppCompletion),
            Arc::new(TgiGenerate),
            Arc::new(WatsonxGeneration),
            Arc::new(DashScope),
            Arc::new(Mcp),
        ];
        formats.extend(operations::all());
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
                Some(format) => Found::Call(Matched { format: Arc::clone(format), others: None }),
                None => Found::Ignored,
            };
        }
        self.first_of(0, method, path.normal).map_or(Found::Unknown, Found::Call)
    }

    /// Returns the next format that a request may have, if it is no call of this one.
    pub(super) fn next(&self, matched: &Matched, method: &Method, path: &str) -> Option<Matched> {
        self.first_of(matched.others?, method, path)
    }

    fn first_of(&self, from: usize, method: &Method, path: &str) -> Option<Matched> {
        let matches =
            |format: &dyn Format| guarded("a wire format (path)", || format.matches(method, path));
        let mut formats = self.formats.iter().enumerate().skip(from);
        let (at, format) = formats.find(|(_, format)| matches(&***format) == Some(true))?;
        Some(Matched { format: Arc::clone(format), others: Some(at + 1) })
    }
}
