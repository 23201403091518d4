//! What a mask that takes whole texts makes of a text that may be escaped.

use serde::de::IgnoredAny;

use super::{Mask, MaskStep, MaskWindow, escapes::View};
use crate::event::prefix;

/// What replaces a text about which a mask cannot decide.
pub(super) const COVERED: &str = "[MASKED]";

/// Covers a text as it is, and then as it reads without escapes. Of a JSON text the strings are covered, so that it stays one.
pub(super) fn whole_text(mask: &dyn Mask, text: &str) -> String {
    let masked = covered(mask, text);
    if !masked.contains('\\') {
        return masked;
    }
    if is_json(&masked) {
        return strings(mask, &masked);
    }
    let plain = View::of(&masked, false, true, usize::MAX).text.into_owned();
    let unescaped = covered(mask, &plain);
    if unescaped == plain { masked } else { unescaped }
}

pub(super) fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Covers the strings of a JSON text. Those without anything to cover stay as they are.
fn strings(mask: &dyn Mask, json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(start) = rest.find('"') {
        let content = start + 1;
        let length = string_length(&rest[content..]);
        let end = (content + length + 1).min(rest.len());
        let literal = &rest[start..end];
        out.push_str(&rest[..start]);
        // Half a character is no text.
        let plain = serde_json::from_str::<String>(literal).unwrap_or_else(|_| {
            View::of(&rest[content..][..length], true, true, usize::MAX).text.into_owned()
        });
        let is_escaped = literal.contains('\\');
        let masked = if is_escaped { whole_text(mask, &plain) } else { plain.clone() };
        match serde_json::to_string(&masked) {
            Ok(masked_literal) if masked != plain => out.push_str(&masked_literal),
            _ => out.push_str(literal),
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// Returns where a string of a JSON text ends.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    end.unwrap_or(text.len())
}

fn covered(mask: &dyn Mask, text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut before) = (text, None);
    while !rest.is_empty() {
        let window = MaskWindow { text: rest, before, is_end: true };
        let (bytes, with) = match mask.step(window) {
            MaskStep::Pass(bytes) => (bytes, None),
            MaskStep::Cover(bytes, with) => (bytes, Some(with)),
            MaskStep::Wait => (0, None),
        };
        let decided = prefix(rest, bytes);
        if decided.is_empty() {
            out.push_str(COVERED);
            break;
        }
        out.push_str(with.as_deref().unwrap_or(decided));
        before = decided.chars().next_back();
        rest = &rest[decided.len()..];
    }
    out
}
