use super::{Counting, ToolChoice, answer_parts::call_tokens, family, model_name::ModelName};
use crate::event::{Token, TokenKind};

/// A running estimate of an answer's tokens, for who watches a stream.
///
/// It is no smaller than the number of pieces, and than the words by the factors of the model's family: a bound on spending
/// should rather stop an answer early than late. Where content is not captured, only pieces are known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunningEstimate {
    answer: Counting,
    family: &'static family::Family,
    pieces: u64,
}

impl RunningEstimate {
    /// Creates the estimate of an answer that has not begun.
    pub(crate) fn new(model: Option<&str>) -> Self {
        let family = ModelName::new(model.unwrap_or_default()).family();
        let family = family.unwrap_or(&family::OTHER);
        Self { answer: Counting::default(), family, pieces: 0 }
    }

    /// Adds a token event.
    pub(crate) fn add(&mut self, token: &Token) {
        self.pieces = token.index().saturating_add(1);
        match token.kind() {
            TokenKind::Text | TokenKind::Refusal => self.answer.count.text(token.text()),
            TokenKind::Reasoning => self.answer.count.reasoning(token.text()),
            TokenKind::ToolCall => {
                let call = token.tool_call();
                let index = call.map_or(0, |call| call.index);
                let name = call.map_or("", |call| &call.name);
                self.answer.tool_call((token.choice(), index), Some(name), token.text());
            }
        }
    }

    /// Returns the number of tokens so far.
    pub(crate) fn tokens(&self) -> u64 {
        let (output, count) = (&self.family.output, &self.answer.count);
        let calls = call_tokens(count, self.family, ToolChoice::Auto);
        // Saturates.
        let digits: f64 = count.digits().iter().sum();
        let words = (count.words() * output.word + digits * output.digit + calls).round() as u64;
        words.max(self.pieces)
    }
}
