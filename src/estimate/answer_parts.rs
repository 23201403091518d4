use super::{Answer, AnswerCount, ToolChoice, family::Family, measure::Measure};

/// The tokens of an answer, before what was learned.
pub(super) struct AnswerParts {
    /// By words, and by pieces where these are tokens.
    words: f64,
    pieces: f64,
    calls: f64,
    marks: f64,
}

impl AnswerParts {
    pub(super) fn of(
        answer: &Answer<'_>,
        family: &Family,
        measure: &impl Measure,
        without_reasoning: bool,
    ) -> Self {
        let (count, output) = (answer.count, &family.output);
        let texts = measure.answer(answer, family);
        let streamed = answer.result.streamed && output.pieces && !texts.exact;
        let mut parts = Self { words: 0.0, pieces: 0.0, calls: 0.0, marks: 0.0 };
        let [text, reasoning, arguments] = count.pieces_by_kind();
        // A name is about two words, which no piece has.
        let names = (2.2 * output.word * count.calls() as f64).min(texts.calls);
        for (words, pieces, counts) in [
            (texts.text, text, true),
            (texts.reasoning, reasoning, !without_reasoning),
            (texts.calls - names, arguments, true),
            (names, 0, true),
        ] {
            if counts && streamed && are_tokens(pieces, words) {
                parts.pieces += f64::from(pieces);
            } else if counts {
                parts.words += words;
            }
        }
        let choice = answer.request.map_or(ToolChoice::Auto, ToolChoice::of);
        parts.calls = call_tokens(count, family, choice);
        if !count.is_empty() {
            parts.marks = output.begin + if answer.completed { output.end } else { 0.0 };
        }
        parts
    }

    /// With the learned factor of words.
    pub(super) fn sum(&self, factor: f64) -> f64 {
        factor * (self.words + self.calls) + self.pieces + self.marks
    }

    /// Returns the estimate by words alone, with which reports are compared to learn.
    pub(super) fn by_words(&self) -> f64 {
        self.sum(1.0)
    }
}

/// Whether the pieces of a stream are its tokens: they are about as many as the tokens that its words have.
fn are_tokens(pieces: u32, words: f64) -> bool {
    pieces >= 8 && (0.75..=1.3).contains(&(f64::from(pieces) / words))
}

/// Returns the tokens of an answer's tool calls beside their words.
pub(super) fn call_tokens(count: &AnswerCount, family: &Family, choice: ToolChoice) -> f64 {
    let output = &family.output;
    let first = match choice {
        ToolChoice::Any => output.any,
        ToolChoice::Named => output.named,
        ToolChoice::Auto | ToolChoice::None => output.first_call,
    };
    match count.calls() {
        0 => 0.0,
        calls => {
            first
                + if calls > 1 { output.several } else { 0.0 }
                + (calls - 1) as f64 * output.further_call
                + count.parameters() as f64 * output.parameter
        }
    }
}
