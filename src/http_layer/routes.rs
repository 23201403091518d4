use std::sync::Arc;

use http::Method;

use crate::{
    panics::catch,
    wire::{
        Format, Match,
        anthropic::AnthropicMessages,
        gemini::Gemini,
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
}

/// A path, in which one `*` matches any text.
#[derive(Debug, Clone)]
struct Pattern(Box<str>);

/// The format of a request that is an LLM call.
#[derive(Debug, Clone)]
pub(super) struct Matched {
    pub(super) format: Arc<dyn Format>,
    /// Whether the request is a call only if the answer is an event stream.
    pub(super) if_streamed: bool,
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
        ];
        Self { routed: Vec::new(), formats }
    }

    pub(super) fn add(&mut self, format: Arc<dyn Format>) {
        self.formats.insert(0, format);
    }

    pub(super) fn set(&mut self, path: &str, format: Option<Arc<dyn Format>>) {
        self.routed.insert(0, (Pattern(path.into()), format));
    }

    pub(super) fn find(&self, method: &Method, path: &str) -> Option<Matched> {
        // These methods call no model, whatever the path. Browsers send them before a call.
        if matches!(*method, Method::OPTIONS | Method::HEAD | Method::CONNECT | Method::TRACE) {
            return None;
        }
        if let Some((_, format)) = self.routed.iter().find(|(pattern, _)| pattern.matches(path)) {
            let format = Arc::clone(format.as_ref()?);
            return Some(Matched { format, if_streamed: false });
        }
        self.formats.iter().find_map(|format| {
            // A format may be user code, and must not break the call.
            let matched = catch(|| format.matches(method, path)).unwrap_or_else(|_| {
                tracing::error!(target: "tower_llm_callbacks", "a wire format panicked on a path");
                Match::No
            });
            let if_streamed = match matched {
                Match::No => return None,
                Match::Yes => false,
                Match::IfStreamed => true,
            };
            Some(Matched { format: Arc::clone(format), if_streamed })
        })
    }
}

impl Pattern {
    fn matches(&self, path: &str) -> bool {
        match self.0.split_once('*') {
            Some((start, end)) => {
                path.len() >= start.len() + end.len()
                    && path.starts_with(start)
                    && path.ends_with(end)
            }
            None => path == &*self.0,
        }
    }
}
