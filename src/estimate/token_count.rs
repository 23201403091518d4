use std::fmt;

use tiktoken::CoreBpe;

/// Counts the tokens of texts.
#[derive(Clone)]
pub(super) struct TokenCount {
    encoding: &'static CoreBpe,
    /// What one token stands for in the unit of the count.
    unit: f64,
    /// The text that has not ended: a tokenizer has to see all of it.
    open: String,
    tokens: usize,
}

impl TokenCount {
    pub(super) fn new(encoding: &'static CoreBpe, unit: f64) -> Self {
        Self { encoding, unit, open: String::new(), tokens: 0 }
    }

    pub(super) fn push(&mut self, text: &str) {
        self.open.push_str(text);
    }

    pub(super) fn end(&mut self) {
        self.tokens += self.encoding.count(&self.open);
        self.open.clear();
    }

    pub(super) fn tokens(&self) -> f64 {
        (self.tokens + self.encoding.count(&self.open)) as f64 * self.unit
    }
}

impl fmt::Debug for TokenCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCount").field("tokens", &self.tokens).finish_non_exhaustive()
    }
}
