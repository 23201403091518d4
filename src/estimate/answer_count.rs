use super::{
    members::Members,
    scanner::{Ended, Scanner},
};
use crate::event::{LlmResult, Pieces};

/// What an answer consists of, counted piece by piece: words and pieces of its texts, tool calls and their parameters.
///
/// Counts need no content: they stay as they are where content is not captured. The words do not depend on how a text is
/// cut. The pieces are the texts that were pushed, empty ones aside: many providers send one token in each.
///
/// Parameters are the members of the first level of a call's arguments. Arguments belong to the call that was opened last;
/// of calls whose arguments arrive by turns the number of parameters may be off.
///
/// ```
/// use tower_llm_callbacks::estimate::AnswerCount;
///
/// let mut count = AnswerCount::default();
/// for piece in ["Let", " me", " look", "."] {
///     count.text(piece);
/// }
/// count.tool_call("get_weather");
/// count.arguments(r#"{"city": "Paris", "unit"#);
/// count.arguments(r#"": "c"}"#);
/// assert_eq!((count.calls(), count.parameters(), count.pieces()), (1, 2, 6));
/// assert_eq!(count.words().round(), 17.0);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct AnswerCount {
    /// Thousandths of a word by kind, of the words that have ended.
    sums: [u32; KINDS],
    /// Pieces by kind.
    pieces: [u32; KINDS],
    /// Digits beyond one for each three, by kind.
    digits: [u16; KINDS],
    calls: u16,
    parameters: u16,
    scanner: Scanner,
    /// The kind of the word that is being read.
    kind: Kind,
    members: Members,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
enum Kind {
    #[default]
    Text,
    Reasoning,
    Tool,
}

const KINDS: usize = Kind::Tool as usize + 1;

impl AnswerCount {
    /// Counts a whole answer. Only right where its content is captured in full. A text counts as one piece.
    pub fn of(result: &LlmResult) -> Self {
        let mut all = Self::default();
        for choice in &result.choices {
            let mut count = Self::default();
            count.reasoning(&choice.reasoning);
            count.text(&choice.text);
            count.text(&choice.refusal);
            for call in &choice.tool_calls {
                count.tool_call(&call.name);
                count.arguments(&call.arguments);
            }
            all.merge(&count);
        }
        all
    }

    /// Sets the numbers of pieces, which a whole text does not show.
    #[must_use]
    pub(crate) fn in_pieces(mut self, pieces: Pieces) -> Self {
        self.pieces = [pieces.text, pieces.reasoning, pieces.arguments];
        self
    }

    /// Adds a piece of the text, or of a refusal.
    #[inline]
    pub fn text(&mut self, piece: &str) {
        self.push(Kind::Text, piece);
    }

    /// Adds a piece of the reasoning.
    #[inline]
    pub fn reasoning(&mut self, piece: &str) {
        self.push(Kind::Reasoning, piece);
    }

    /// Adds a tool call. Its arguments follow.
    pub fn tool_call(&mut self, name: &str) {
        self.end_word();
        self.kind = Kind::Tool;
        self.members = Members::default();
        self.calls = self.calls.saturating_add(1);
        let weight = self.scanner.push(name);
        self.add(weight);
        self.end_word();
    }

    /// Adds a piece of the arguments of the call that was opened last: JSON text.
    #[inline]
    pub fn arguments(&mut self, piece: &str) {
        let found = self.members.push(piece);
        self.parameters = self.parameters.saturating_add(u16::try_from(found).unwrap_or(u16::MAX));
        self.push(Kind::Tool, piece);
    }

    /// Adds what another count has, such as that of another choice.
    pub fn merge(&mut self, other: &Self) {
        self.end_word();
        let mut other = *other;
        other.end_word();
        for kind in 0..KINDS {
            self.sums[kind] = self.sums[kind].saturating_add(other.sums[kind]);
            self.pieces[kind] = self.pieces[kind].saturating_add(other.pieces[kind]);
            self.digits[kind] = self.digits[kind].saturating_add(other.digits[kind]);
        }
        self.scanner.merge(&other.scanner);
        self.calls = self.calls.saturating_add(other.calls);
        self.parameters = self.parameters.saturating_add(other.parameters);
    }

    /// Returns the words, of all kinds together. See [`WordCount::tokens`](super::WordCount::tokens).
    pub fn words(&self) -> f64 {
        self.text_words() + self.reasoning_words() + self.tool_words()
    }

    /// Returns the words of the text.
    pub fn text_words(&self) -> f64 {
        self.of_kind(Kind::Text)
    }

    /// Returns the words of the reasoning.
    pub fn reasoning_words(&self) -> f64 {
        self.of_kind(Kind::Reasoning)
    }

    /// Returns the words of the names and arguments of tool calls.
    pub fn tool_words(&self) -> f64 {
        self.of_kind(Kind::Tool)
    }

    /// Returns the number of pieces, of all kinds together.
    pub fn pieces(&self) -> u64 {
        self.pieces.iter().copied().map(u64::from).sum()
    }

    /// Returns the pieces of text and of reasoning, and of arguments.
    pub(super) fn pieces_by_kind(&self) -> [u32; KINDS] {
        self.pieces
    }

    /// Returns the number of tool calls.
    pub fn calls(&self) -> u64 {
        self.calls.into()
    }

    /// Returns the number of parameters of all tool calls.
    pub fn parameters(&self) -> u64 {
        self.parameters.into()
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.calls == 0 && self.pieces == [0; KINDS]
    }

    #[inline]
    fn push(&mut self, kind: Kind, piece: &str) {
        if piece.is_empty() {
            return;
        }
        if kind != self.kind {
            self.end_word();
            self.kind = kind;
        }
        let pieces = &mut self.pieces[kind as usize];
        *pieces = pieces.saturating_add(1);
        let weight = self.scanner.push(piece);
        self.add(weight);
    }

    fn end_word(&mut self) {
        let weight = self.scanner.finish();
        self.add(weight);
    }

    #[inline]
    fn add(&mut self, ended: Ended) {
        let kind = self.kind as usize;
        let weight = u32::try_from(ended.weight).unwrap_or(u32::MAX);
        self.sums[kind] = self.sums[kind].saturating_add(weight);
        let digits = u16::try_from(ended.digits).unwrap_or(u16::MAX);
        self.digits[kind] = self.digits[kind].saturating_add(digits);
    }

    /// Returns the digits of the text, of the reasoning and of calls, but for one of each three.
    pub(super) fn digits(&self) -> [f64; KINDS] {
        let mut digits = self.digits.map(f64::from);
        digits[self.kind as usize] += f64::from(self.scanner.pending_digits());
        digits
    }

    fn of_kind(&self, kind: Kind) -> f64 {
        let pending = if self.kind == kind { self.scanner.pending() } else { 0 };
        let words = (f64::from(self.sums[kind as usize]) + f64::from(pending)) / 1e3;
        match self.scanner.foreign().tokens() {
            0.0 => words,
            // What the language adds is shared by all kinds.
            more => {
                let sum: f64 = self.sums.iter().copied().map(f64::from).sum();
                let all = (sum + f64::from(self.scanner.pending())) / 1e3;
                if all > 0.0 { words * (1.0 + more / all) } else { words }
            }
        }
    }
}
