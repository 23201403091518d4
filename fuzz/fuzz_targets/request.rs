#![no_main]

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use libfuzzer_sys::fuzz_target;
use tower_llm_callbacks::wire::{
    Format, LlmHttpRequest,
    anthropic::AnthropicMessages,
    bedrock::{BedrockConverse, BedrockInvoke},
    cohere::{CohereChat, CohereGenerate},
    gemini::Gemini,
    gemini_interactions::GeminiInteractions,
    mistral::MistralConversations,
    ollama::{OllamaChat, OllamaGenerate},
    openai_chat::{OpenAiChat, OpenAiCompletions},
    openai_responses::OpenAiResponses,
    text_generation::{AnthropicComplete, LlamaCppCompletion, TgiGenerate, WatsonxGeneration},
};

// Any bytes are accepted as a request and as the body of an error.
fuzz_target!(|data: &[u8]| {
    let formats: [&dyn Format; 17] = [
        &AnthropicMessages,
        &OpenAiChat,
        &OpenAiCompletions,
        &OpenAiResponses,
        &Gemini,
        &OllamaChat,
        &OllamaGenerate,
        &BedrockConverse,
        &BedrockInvoke::embedding(),
        &CohereChat,
        &CohereGenerate,
        &GeminiInteractions,
        &MistralConversations,
        &AnthropicComplete,
        &LlamaCppCompletion,
        &TgiGenerate,
        &WatsonxGeneration,
    ];
    let body = Bytes::copy_from_slice(data);
    let (uri, headers) = ("/v1beta/models/m:generateContent".parse().unwrap(), HeaderMap::new());
    for format in formats {
        let call = LlmHttpRequest::new(&Method::POST, &uri, &headers, &body);
        let _ = format.reads(&call);
        let start = format.start(&call);
        let _ = start.messages.get();
        let error = format.error(StatusCode::BAD_REQUEST, data);
        assert!(!error.message.is_empty());
    }
});
