//! What a model thinks before it answers, and the provider's proof of it.

use std::hash::{DefaultHasher, Hash, Hasher};

/// The reasoning of every reply that has some.
pub(crate) const THOUGHT: &str = "The user asks. I answer.";
/// Reasoning that nobody may read.
pub(crate) const HIDDEN: &str = "Something that the provider does not show.";

/// Returns the signature of a text. No proof against anybody, but against changes.
pub(crate) fn sign(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    ("simulated", text).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Returns a text that only the provider reads.
pub(crate) fn seal(text: &str) -> String {
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex}.{}", sign(text))
}

/// Whether a text was sealed here.
pub(crate) fn is_sealed(sealed: &str) -> bool {
    let Some((hex, signature)) = sealed.split_once('.') else { return false };
    let bytes = hex
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap_or_default(), 16).ok());
    let bytes: Option<Vec<u8>> = bytes.collect();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .is_some_and(|text| sign(&text) == signature)
}
