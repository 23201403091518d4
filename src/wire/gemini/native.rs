use std::borrow::Cow;

use serde_json::Value;

use crate::{
    event::Delta,
    wire::native::{NativeReader, Piece},
};

/// Reads the parts that the next request repeats: those with a signature, and what is neither text nor a call of the
/// caller's own functions.
///
/// Source: "Thought signatures" in Google's documentation. A model refuses calls without the signature that they came with.
#[derive(Debug, Default)]
pub(super) struct GeminiNatives;

impl NativeReader for GeminiNatives {
    fn concerns(&self, _event: &str) -> bool {
        true
    }

    fn event(&mut self, event: &Value) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for (at, candidate) in event["candidates"].as_array().into_iter().flatten().enumerate() {
            let index = candidate["index"].as_u64().unwrap_or(at as u64);
            let Ok(choice) = u32::try_from(index) else { continue };
            let parts = candidate["content"]["parts"].as_array().into_iter().flatten();
            pieces.extend(parts.filter_map(|part| piece(choice, part)));
        }
        pieces
    }

    fn whole(&mut self, answer: &Value) -> Vec<Piece> {
        self.event(answer)
    }
}

fn piece(choice: u32, part: &Value) -> Option<Piece> {
    let is_text = part["text"].is_string();
    let deltas = usize::from(part["text"].as_str().is_some_and(|text| !text.is_empty()))
        + usize::from(part["functionCall"].is_object());
    // The arguments of a call in fragments are in several parts.
    let call = &part["functionCall"];
    let fragment = call["partialArgs"].is_array() || call["willContinue"] == true;
    let signed = part["thoughtSignature"].is_string();
    let other = !is_text && call.is_null();
    if fragment || !(signed || other) {
        return Some(Piece::content(deltas)).filter(|piece| piece.deltas > 0);
    }
    let native = Delta::Native {
        choice,
        api: "generate_content".into(),
        value: Cow::Owned(part.clone()),
        covers: deltas > 0,
        text_at: None,
    };
    let piece = Piece::content(deltas).after(Some(native));
    Some(if deltas > 0 { piece.before(Delta::NextBlock { choice }) } else { piece })
}
