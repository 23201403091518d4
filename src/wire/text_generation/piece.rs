use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use crate::wire::json::{Count, List, Object, Text};

/// An event of a stream, or a non-streamed answer, of any of the APIs.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Piece<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) model: Text<'a>,
    /// The name of the member on watsonx.
    #[serde(borrow)]
    pub(super) model_id: Text<'a>,
    /// The prompt's position among several, in llama.cpp.
    pub(super) index: Count,
    /// The text in Anthropic's API.
    #[serde(borrow)]
    pub(super) completion: Text<'a>,
    /// The text in llama.cpp.
    #[serde(borrow)]
    pub(super) content: Text<'a>,
    /// The next token in Text Generation Inference.
    #[serde(borrow)]
    pub(super) token: Object<Token<'a>>,
    /// The text on watsonx; the whole text in Text Generation Inference, which repeats its tokens.
    #[serde(borrow)]
    pub(super) generated_text: Text<'a>,
    #[serde(borrow)]
    pub(super) stop_reason: Text<'a>,
    /// Whether the answer ends, in llama.cpp. Anthropic's sequence that stopped it.
    pub(super) stop: Value,
    #[serde(borrow)]
    pub(super) stop_type: Text<'a>,
    /// How the text ended, in Text Generation Inference.
    #[serde(borrow)]
    pub(super) details: Object<Details<'a>>,
    /// The answers on watsonx.
    #[serde(borrow)]
    pub(super) results: List<Piece<'a>>,
    pub(super) input_token_count: Value,
    pub(super) generated_token_count: Value,
    pub(super) tokens_evaluated: Value,
    pub(super) tokens_predicted: Value,
    pub(super) timings: Object<Timings>,
    pub(super) error: Option<IgnoredAny>,
}

/// What llama.cpp reports of the work.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Timings {
    /// Tokens of the prompt that were in the cache.
    pub(super) cache_n: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Token<'a> {
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    /// The token is no text, but the end of it, for example.
    pub(super) special: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Details<'a> {
    #[serde(borrow)]
    pub(super) finish_reason: Text<'a>,
    pub(super) generated_tokens: Value,
    pub(super) input_length: Value,
}
