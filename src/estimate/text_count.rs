#[cfg(feature = "tokenizer")]
use super::token_count::TokenCount;
use super::word_count::WordCount;

/// Counts the words of texts, or their tokens.
#[derive(Debug, Clone)]
pub(super) enum TextCount {
    Words(WordCount),
    #[cfg(feature = "tokenizer")]
    Tokens(TokenCount),
}

impl Default for TextCount {
    fn default() -> Self {
        TextCount::Words(WordCount::new())
    }
}

impl TextCount {
    /// Adds the next piece of a text.
    #[inline]
    pub(super) fn push(&mut self, text: &str) {
        match self {
            TextCount::Words(count) => count.push(text),
            #[cfg(feature = "tokenizer")]
            TextCount::Tokens(count) => count.push(text),
        }
    }

    /// Ends the text.
    pub(super) fn end_word(&mut self) {
        match self {
            TextCount::Words(count) => count.end_word(),
            #[cfg(feature = "tokenizer")]
            TextCount::Tokens(count) => count.end(),
        }
    }

    pub(super) fn tokens(&self) -> f64 {
        match self {
            TextCount::Words(count) => count.tokens(),
            #[cfg(feature = "tokenizer")]
            TextCount::Tokens(count) => count.tokens(),
        }
    }
}
