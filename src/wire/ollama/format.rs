use http::Method;
use serde_json::json;

use super::OllamaDecoder;
use crate::wire::{Decoder, Match};

pub(super) fn matches(method: &Method, path: &str, end: &str) -> Match {
    match path.ends_with(end) && method == Method::POST {
        true => Match::Yes,
        false => Match::No,
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
