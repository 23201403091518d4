#![no_main]

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header::CONTENT_TYPE};
use libfuzzer_sys::fuzz_target;
use tower_llm_callbacks::wire::{
    Format, LlmHttpRequest,
    anthropic::AnthropicMessages,
    bedrock::{BedrockConverse, BedrockInvoke},
    cohere::{CohereChat, CohereGenerate},
    dashscope::DashScope,
    gemini::Gemini,
    gemini_interactions::GeminiInteractions,
    mistral::MistralConversations,
    ollama::{OllamaChat, OllamaGenerate},
    openai_chat::{OpenAiChat, OpenAiCompletions},
    openai_responses::OpenAiResponses,
    operations::{Embeddings, GoogleEmbeddings, Images, Rerank, Transcriptions},
    text_generation::{AnthropicComplete, LlamaCppCompletion, TgiGenerate, WatsonxGeneration},
};

// Any bytes are accepted as a request and as the body of an error.
fuzz_target!(|data: &[u8]| {
    let formats: [&dyn Format; 23] = [
        &AnthropicMessages,
        &OpenAiChat,
        &OpenAiCompletions,
        &OpenAiResponses,
        &Gemini,
        &OllamaChat,
        &OllamaGenerate,
        &BedrockConverse,
        &BedrockInvoke,
        &CohereChat,
        &CohereGenerate,
        &DashScope,
        &GeminiInteractions,
        &MistralConversations,
        &AnthropicComplete,
        &LlamaCppCompletion,
        &TgiGenerate,
        &WatsonxGeneration,
        &Embeddings,
        &GoogleEmbeddings,
        &Rerank,
        &Images,
        &Transcriptions,
    ];
    let body = Bytes::copy_from_slice(data);
    let uri = "/v1beta/models/m:generateContent".parse().unwrap();
    let form = "multipart/form-data; boundary=b".parse().unwrap();
    let forms = HeaderMap::from_iter([(CONTENT_TYPE, form)]);
    for format in formats {
        for headers in [&HeaderMap::new(), &forms] {
            let call = LlmHttpRequest::new(&Method::POST, &uri, headers, &body);
            let _ = format.describe(&call);
            let start = format.start(&call);
            let _ = start.messages.get();
        }
        let error = format.error(StatusCode::BAD_REQUEST, data);
        assert!(!error.message.is_empty());
    }
});
