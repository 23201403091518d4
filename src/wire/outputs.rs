//! The outputs of a call that generates no text, where a handler is to have them.

use serde_json::{Map, Value};

use super::json::{self, members_of};
use crate::event::Delta;

/// The names of the list, in the order of precedence: those of OpenAI, Cohere, Gemini and Ollama, Jina, Vertex AI,
/// Bedrock, Mistral, DeepInfra.
const LISTS: [&str; 10] = [
    "data",
    "embeddings",
    "embedding",
    "results",
    "embeddingsByType",
    "predictions",
    "images",
    "artifacts",
    "audio_data",
    "audio",
];

/// Emits the outputs in an answer. What is no list, such as vectors by the types of their numbers, is one output.
pub(in crate::wire) fn emit(json: &str, each: &mut dyn FnMut(Delta<'_>)) {
    let (mut found, mut inner) = (None, None);
    members_of(json, |name, value| match LISTS.iter().position(|list| *list == name) {
        _ if value == "null" => {}
        Some(rank) if found.is_none_or(|(first, _)| rank < first) => found = Some((rank, value)),
        // DashScope has them within another member.
        None if name == "output" => inner = Some(value),
        _ => {}
    });
    match (found, inner) {
        (Some((_, list)), _) => match json::value(list) {
            Some(Value::Array(items)) if !items.iter().all(Value::is_number) => {
                items.into_iter().for_each(|item| each(Delta::output(item)));
            }
            Some(one) => each(Delta::output(one)),
            None => each(Delta::DecodeFault),
        },
        (None, Some(inner)) => emit(inner, each),
        (None, None) => {}
    }
}

/// Emits the picture in the last event of one.
pub(in crate::wire) fn emit_picture(json: &str, each: &mut dyn FnMut(Delta<'_>)) {
    let mut picture = Map::new();
    members_of(json, |name, value| {
        if let ("b64_json" | "url", Some(value)) = (&*name, json::value(value)) {
            picture.insert(name.into_owned(), value);
        }
    });
    if !picture.is_empty() {
        each(Delta::output(picture));
    }
}
