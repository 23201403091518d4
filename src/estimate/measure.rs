use super::{Answer, RequestCount, family::Family};
use crate::event::LlmStart;

/// How texts are measured.
pub(super) trait Measure {
    /// Counts a request, in words of the family. `None` if its prompt is not captured.
    fn request(&self, request: &LlmStart, family: &Family) -> Option<RequestCount>;

    /// Returns the tokens of an answer's texts.
    fn answer(&self, answer: &Answer<'_>, family: &Family) -> Texts;
}

/// The tokens of an answer's texts.
pub(super) struct Texts {
    pub(super) text: f64,
    pub(super) reasoning: f64,
    /// Names and arguments of calls.
    pub(super) calls: f64,
    /// The counts are a tokenizer's.
    pub(super) exact: bool,
}

/// By words.
pub(super) struct Words;

impl Measure for Words {
    fn request(&self, request: &LlmStart, _: &Family) -> Option<RequestCount> {
        RequestCount::of(request)
    }

    fn answer(&self, answer: &Answer<'_>, family: &Family) -> Texts {
        let (count, word) = (answer.count, family.output.word);
        let [text, reasoning, calls] = count.digits().map(|digits| family.output.digit * digits);
        Texts {
            text: word * count.text_words() + text,
            reasoning: word * count.reasoning_words() + reasoning,
            calls: word * count.tool_words() + calls,
            exact: false,
        }
    }
}
