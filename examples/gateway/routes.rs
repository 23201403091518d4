use std::str::FromStr;

use tower_llm_callbacks::{
    HttpCallbackLayer,
    wire::{
        anthropic::AnthropicMessages,
        bedrock::{BedrockConverse, BedrockInvoke},
        cohere::CohereChat,
        gemini::Gemini,
        gemini_interactions::GeminiInteractions,
        mcp::Mcp,
        mistral::MistralConversations,
        ollama::{OllamaChat, OllamaGenerate},
        openai_chat::{OpenAiChat, OpenAiCompletions},
        openai_responses::OpenAiResponses,
        operations::{Embeddings, Rerank},
    },
};

type Set = fn(HttpCallbackLayer, &str) -> HttpCallbackLayer;

/// The formats by their names in `--route`.
const FORMATS: [(&str, Set); 15] = [
    ("messages", |layer, path| layer.route(path, AnthropicMessages)),
    ("chat_completions", |layer, path| layer.route(path, OpenAiChat)),
    ("completions", |layer, path| layer.route(path, OpenAiCompletions)),
    ("responses", |layer, path| layer.route(path, OpenAiResponses)),
    ("generate_content", |layer, path| layer.route(path, Gemini)),
    ("ollama_chat", |layer, path| layer.route(path, OllamaChat)),
    ("ollama_generate", |layer, path| layer.route(path, OllamaGenerate)),
    ("bedrock_converse", |layer, path| layer.route(path, BedrockConverse)),
    ("bedrock_invoke", |layer, path| layer.route(path, BedrockInvoke)),
    ("cohere_chat", |layer, path| layer.route(path, CohereChat)),
    ("interactions", |layer, path| layer.route(path, GeminiInteractions)),
    ("conversations", |layer, path| layer.route(path, MistralConversations)),
    ("embeddings", |layer, path| layer.route(path, Embeddings)),
    ("rerank", |layer, path| layer.route(path, Rerank)),
    ("mcp", |layer, path| layer.route(path, Mcp)),
];

/// A path whose requests are calls in a format.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    path: String,
    set: Set,
}

/// Parses `PATH=FORMAT`.
impl FromStr for Route {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let example = "such as /llm/chat=chat_completions";
        let Some((path, name)) = text.rsplit_once('=') else {
            return Err(format!("expected a path and a format, {example}"));
        };
        if !path.starts_with(['/', '*']) {
            return Err(format!("the path must start with `/` or `*`, {example}"));
        }
        if path.matches('*').count() > 1 {
            return Err("the path may have one `*`".to_owned());
        }
        let known = |(format, _): &&(&str, Set)| name.replace('-', "_") == *format;
        match FORMATS.iter().find(known) {
            Some((_, set)) => Ok(Self { path: path.to_owned(), set: *set }),
            None => {
                let names = FORMATS.map(|(format, _)| format).join(", ");
                Err(format!("unknown format `{name}`, expected one of: {names}"))
            }
        }
    }
}

impl Route {
    pub(crate) fn add_to(&self, layer: HttpCallbackLayer) -> HttpCallbackLayer {
        (self.set)(layer, &self.path)
    }
}
