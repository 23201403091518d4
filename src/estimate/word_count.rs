use super::scanner::Scanner;

/// Counts the words of a text, as a measure of its tokens.
///
/// A word is a run of characters of one class: letters, digits, signs, blanks, a script. Each class has a weight, so that the
/// sum is near the number of tokens of a modern tokenizer. Models differ by a factor, which
/// [`WordEstimator`](super::WordEstimator) knows. The sum does not depend on how the text is cut into pieces.
///
/// ```
/// use tower_llm_callbacks::estimate::WordCount;
///
/// let mut count = WordCount::new();
/// count.push("The capital of Fra");
/// count.push("nce is Paris.");
/// assert_eq!(count.tokens().round(), 7.0);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct WordCount {
    /// The weight of the words that have ended, in thousandths of a token.
    sum: u64,
    scanner: Scanner,
}

impl WordCount {
    /// Creates a count of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next piece of the text.
    #[inline]
    pub fn push(&mut self, text: &str) {
        self.sum = self.sum.saturating_add(self.scanner.push(text).weight);
    }

    /// Ends the word, so that the next piece begins another one.
    pub(super) fn end_word(&mut self) {
        self.sum = self.sum.saturating_add(self.scanner.finish().weight);
    }

    /// Returns the tokens, before a model's factor.
    pub fn tokens(&self) -> f64 {
        let words = self.sum as f64 + f64::from(self.scanner.pending());
        words / 1e3 + self.scanner.foreign().tokens()
    }
}

impl PartialEq for WordCount {
    fn eq(&self, other: &Self) -> bool {
        self.tokens() == other.tokens()
    }
}
