use http::Method;
use serde_json::json;

use super::OllamaDecoder;
use crate::wire::{Decoder, Recognition};

pub(super) fn recognise(method: &Method, path: &str, end: &str) -> Recognition {
    match path.ends_with(end) && method == Method::POST {
        true => Recognition::Yes,
        false => Recognition::No,
    }
}

pub(super) fn decoder(content_type: Option<&str>) -> Box<dyn Decoder> {
    Box::new(match content_type {
        Some("application/json") => OllamaDecoder::whole(),
        _ => OllamaDecoder::new(),
    })
}

pub(super) fn error_body(message: &str) -> Vec<u8> {
    json!({ "error": message }).to_string().into_bytes()
}
