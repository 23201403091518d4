use std::mem::take;

use serde_json::{Map, Value};

use super::piece::{Details, Piece};
use crate::{
    event::Delta,
    wire::{
        json::{Count, Text},
        usage,
    },
};

/// More answers than can be requested. Bounds the memory of a stream.
const MAX_CHOICES: usize = 1024;

/// The state of an answer while it is read.
#[derive(Debug, Default)]
pub(super) struct AnswerState {
    has_id: bool,
    has_model: bool,
    choices: Vec<Choice>,
}

#[derive(Debug, Default)]
struct Choice {
    index: u32,
    ended: bool,
    usage: Map<String, Value>,
}

impl AnswerState {
    /// Reads an event, or a `whole` answer.
    pub(super) fn piece(
        &mut self,
        mut piece: Piece<'_>,
        whole: bool,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        let id = take(&mut piece.id).filled().filter(|_| !self.has_id);
        let model = take(&mut piece.model).filled().or_else(|| take(&mut piece.model_id).filled());
        let model = model.filter(|_| !self.has_model);
        if id.is_some() || model.is_some() {
            self.has_id |= id.is_some();
            self.has_model |= model.is_some();
            each(Delta::Response { id, model });
        }
        match piece.results.0.take() {
            Some(results) => {
                for (position, result) in results.into_iter().enumerate() {
                    self.choice(position, result, whole, each);
                }
            }
            None => self.choice(0, piece, whole, each),
        }
    }

    fn choice(
        &mut self,
        position: usize,
        piece: Piece<'_>,
        whole: bool,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        if !is_answer(&piece) {
            return;
        }
        // Beside a token it is the number of the token (text-generation-inference), else that of the answer (llama.cpp).
        let index = piece.index.0.filter(|_| piece.token.0.is_none()).unwrap_or(position as u64);
        let Ok(choice) = u32::try_from(index) else { return };
        let Some(at) = self.place(choice) else {
            each(Delta::DecodeFault);
            return;
        };
        let details = piece.details.0.unwrap_or_default();
        let is_streamed = piece.token.0.is_some();
        let token = piece.token.0.filter(|token| token.special != true).map(|token| token.text);
        let repeated = piece.generated_text.filled().filter(|_| !is_streamed);
        let texts = [piece.completion.filled(), piece.content.filled(), repeated];
        let token = token.and_then(|text| text.filled());
        for text in texts.into_iter().flatten().chain(token) {
            each(Delta::Text { choice, text });
        }
        let Details { finish_reason, generated_tokens, input_length } = details;
        self.usage(
            at,
            [
                ("input_token_count", piece.input_token_count),
                ("generated_token_count", piece.generated_token_count),
                ("tokens_evaluated", piece.tokens_evaluated),
                ("tokens_predicted", piece.tokens_predicted),
                ("cache_n", piece.timings.0.unwrap_or_default().cache_n),
                ("input_length", input_length),
                ("generated_tokens", generated_tokens),
            ],
            each,
        );
        let reasons = [piece.stop_reason, piece.stop_type, finish_reason];
        if let Some(reason) = reasons.into_iter().find_map(Text::reason) {
            self.choices[at].ended = true;
            each(Delta::Finish { choice, reason });
        }
        self.choices[at].ended |= whole || piece.stop == true;
    }

    fn place(&mut self, choice: u32) -> Option<usize> {
        let known = self.choices.iter().position(|known| known.index == choice);
        if known.is_none() && self.choices.len() < MAX_CHOICES {
            self.choices.push(Choice { index: choice, ..Choice::default() });
            return Some(self.choices.len() - 1);
        }
        known
    }

    /// Adds counts to those of earlier events of a choice, and emits the sums of all choices if they have changed: llama.cpp
    /// counts each of several prompts by itself.
    fn usage(&mut self, at: usize, counts: [(&str, Value); 7], each: &mut dyn FnMut(Delta<'_>)) {
        let mut changed = false;
        let usage = &mut self.choices[at].usage;
        for (name, count) in counts {
            let known = usage.get(name).and_then(Count::of);
            // Later events do not repeat the input.
            let is_new = Count::of(&count).is_some_and(|count| known.is_none_or(|it| it < count));
            if is_new {
                changed = true;
                usage.insert(name.to_owned(), count);
            }
        }
        if !changed {
            return;
        }
        let mut sums = Map::new();
        for (name, count) in self.choices.iter().flat_map(|choice| &choice.usage) {
            let sum = match sums.get(name).and_then(Count::of).zip(Count::of(count)) {
                Some((before, count)) => before.saturating_add(count).into(),
                None => count.clone(),
            };
            sums.insert(name.clone(), sum);
        }
        usage::emit(sums, None, each);
    }

    /// Whether every choice has ended.
    pub(super) fn is_complete(&self) -> bool {
        !self.choices.is_empty() && self.choices.iter().all(|choice| choice.ended)
    }
}

/// Whether a piece is of an answer.
pub(super) fn is_answer(piece: &Piece<'_>) -> bool {
    let texts = [&piece.completion, &piece.content, &piece.generated_text];
    texts.iter().any(|text| text.as_deref().is_some())
        || piece.token.0.is_some()
        || piece.results.0.is_some()
}
