use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use http::Method;

use crate::wire::{
    Format, Match,
    anthropic::AnthropicMessages,
    gemini::Gemini,
    ollama::{OllamaChat, OllamaGenerate},
    openai_chat::{OpenAiChat, OpenAiCompletions},
    openai_responses::OpenAiResponses,
};

/// Which requests are LLM calls, and in which format.
#[derive(Debug, Clone)]
pub(super) struct Routes {
    /// What the user says of paths, the latest first.
    given: Vec<(Pattern, Option<Arc<dyn Format>>)>,
    /// Formats that recognise their calls, the user's first.
    formats: Vec<Arc<dyn Format>>,
}

/// A path, with one `*` for any text where there is one.
#[derive(Debug, Clone)]
struct Pattern(Box<str>);

/// A request is a call.
#[derive(Debug, Clone)]
pub(super) struct Matched {
    pub(super) format: Arc<dyn Format>,
    /// Only if the answer is an event stream.
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
        Self { given: Vec::new(), formats }
    }

    pub(super) fn matches(&mut self, format: Arc<dyn Format>) {
        self.formats.insert(0, format);
    }

    pub(super) fn set(&mut self, path: &str, format: Option<Arc<dyn Format>>) {
        self.given.insert(0, (Pattern(path.into()), format));
    }

    pub(super) fn find(&self, method: &Method, path: &str) -> Option<Matched> {
        // Neither of them calls a model, whatever the path: browsers ask whether they may.
        if matches!(*method, Method::OPTIONS | Method::HEAD | Method::CONNECT | Method::TRACE) {
            return None;
        }
        if let Some((_, format)) = self.given.iter().find(|(pattern, _)| pattern.matches(path)) {
            let format = Arc::clone(format.as_ref()?);
            return Some(Matched { format, if_streamed: false });
        }
        self.formats.iter().find_map(|format| {
            // A format may be anyone's, and must not cost the call.
            let recognised = catch_unwind(AssertUnwindSafe(|| format.matches(method, path)));
            let if_streamed = match recognised.unwrap_or_else(|_| {
                tracing::error!("a wire format panicked on the path of a request");
                Match::No
            }) {
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
