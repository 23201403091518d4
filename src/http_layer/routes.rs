use std::sync::Arc;

use http::Method;

use super::{
    formats::Formats,
    pattern::{Pattern, RequestPath},
};
use crate::{
    panics::catch,
    wire::{
        Format, Match,
        anthropic::AnthropicMessages,
        bedrock::{BedrockConverse, BedrockInvoke},
        cohere::{CohereChat, CohereGenerate},
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
    Call(Formats),
    /// It is to pass unobserved.
    Ignored,
    Unknown,
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
            Arc::new(BedrockInvoke::llm()),
            Arc::new(BedrockInvoke::embedding()),
            Arc::new(BedrockInvoke::rerank()),
            Arc::new(BedrockInvoke::image()),
            Arc::new(CohereChat),
            Arc::new(CohereGenerate),
            Arc::new(GeminiInteractions),
            Arc::new(MistralConversations),
            Arc::new(AnthropicComplete),
            Arc::new(LlamaCppCompletion),
            Arc::new(TgiGenerate),
            Arc::new(WatsonxGeneration),
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
            return match format.as_ref().map(Arc::clone) {
                Some(format) => Found::Call(Formats::One(format)),
                None => Found::Ignored,
            };
        }
        let mut by_body = Vec::new();
        for format in &self.formats {
            // A format may be user code, and must not break the call.
            let matched = catch(|| format.matches(method, path.normal)).unwrap_or_else(|_| {
                tracing::error!(target: "tower_llm_callbacks", "a wire format panicked on a path");
                Match::No
            });
            match matched {
                Match::No => {}
                Match::Yes if by_body.is_empty() => {
                    return Found::Call(Formats::One(Arc::clone(format)));
                }
                Match::Yes => {
                    return Found::Call(Formats::ByBody(by_body, Some(Arc::clone(format))));
                }
                Match::ByBody => by_body.push(Arc::clone(format)),
            }
        }
        match by_body.is_empty() {
            true => Found::Unknown,
            false => Found::Call(Formats::ByBody(by_body, None)),
        }
    }
}
