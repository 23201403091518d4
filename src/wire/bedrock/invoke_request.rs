//! The requests of `InvokeModel`, whatever the family of the model.

use serde_json::Value;

use crate::{
    run::RunType,
    wire::{
        operations::inputs::without_files,
        request::{Members, items, message},
    },
};

/// The members of a prompt.
pub(super) const PROMPT: [&str; 28] = [
    "system",
    "preamble",
    "chat_history",
    "messages",
    "prompt",
    "suffix",
    "inputText",
    "inputPrompt",
    "message",
    "query",
    "documents",
    "texts",
    "inputs",
    "images",
    "inputImage",
    "text_prompts",
    "textToImageParams",
    "inPaintingParams",
    "outPaintingParams",
    "imageVariationParams",
    "colorGuidedGenerationParams",
    "backgroundRemovalParams",
    "singleEmbeddingParams",
    "segmentedEmbeddingParams",
    "image",
    "control_image",
    "mediaSource",
    "text_image",
];

/// The members of requests to embed something: of Cohere, Titan, Nova and TwelveLabs.
const EMBEDDING: [&str; 9] = [
    "input_type",
    "embedding_types",
    "inputText",
    "inputImage",
    "embeddingTypes",
    "embeddingConfig",
    "singleEmbeddingParams",
    "segmentedEmbeddingParams",
    "inputType",
];
/// The members of requests for pictures: of Stability, Titan and Nova.
const IMAGE: [&str; 11] = [
    "text_prompts",
    "aspect_ratio",
    "negative_prompt",
    "image",
    "imageGenerationConfig",
    "textToImageParams",
    "inPaintingParams",
    "outPaintingParams",
    "imageVariationParams",
    "colorGuidedGenerationParams",
    "backgroundRemovalParams",
];

/// Returns the messages of a prompt. What is no message, such as a text to embed, is one of the user's.
pub(super) fn messages(members: &Members) -> Vec<Value> {
    let mut all = Vec::new();
    for name in PROMPT {
        let Some(value) = members.value(name) else { continue };
        match name {
            "system" | "preamble" => all.push(message("system", value)),
            "messages" | "chat_history" => all.extend(items(Some(value))),
            "documents" | "texts" | "text_prompts" => {
                all.extend(items(Some(value)).into_iter().map(|it| message("user", it)));
            }
            // Media are no text, and may be in Base64.
            "image" | "images" | "inputImage" | "control_image" | "mediaSource" | "text_image" => {
                all.push(serde_json::json!({"role": "user", name: without_files(value)}));
            }
            _ => all.push(message("user", value)),
        }
    }
    all
}

/// Returns the number of inputs of a call that generates no text.
pub(super) fn inputs(members: &Members) -> u64 {
    let lists = ["documents", "texts", "inputs", "images"].into_iter();
    let lists = lists.filter_map(|name| members.value(name)?.as_array().map(Vec::len));
    lists.max().map_or(1, |count| count as u64)
}

/// Returns the type of the run of a request whose model has no name.
pub(super) fn run_type(members: &Members) -> RunType {
    let has = |names: &[&str]| members.has_any(names);
    if has(&["messages", "message", "textGenerationConfig"]) {
        RunType::Llm
    } else if has(&["query"]) && has(&["documents"]) {
        RunType::Rerank
    } else if has(&EMBEDDING) {
        RunType::Embedding
    } else if has(&IMAGE) {
        RunType::Image
    } else {
        RunType::Llm
    }
}
