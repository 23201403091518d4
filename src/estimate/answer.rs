use super::AnswerCount;
use crate::event::{LlmResult, LlmStart};

/// An answer, as an estimator sees it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Answer<'a> {
    /// The request, if it is known.
    pub request: Option<&'a LlmStart>,
    /// The result so far. Its texts are empty or short where content is not captured.
    pub result: &'a LlmResult,
    /// What the answer consists of, whether or not content is captured.
    pub count: &'a AnswerCount,
    /// Whether the answer is complete. One that was cut or dropped is not.
    pub completed: bool,
}

impl<'a> Answer<'a> {
    /// Creates a complete answer whose request is not known.
    ///
    /// ```
    /// use tower_llm_callbacks::{
    ///     Delta,
    ///     estimate::{Answer, AnswerCount, UsageEstimator, WordEstimator},
    ///     event::Accumulator,
    /// };
    ///
    /// let mut answer = Accumulator::new();
    /// answer.delta(&Delta::response("1", "gpt-4o-mini"));
    /// answer.delta(&Delta::text("The capital of France is Paris."));
    /// let result = answer.finish();
    /// let count = AnswerCount::of(&result);
    /// let estimate = WordEstimator::new().output(&Answer::new(&result, &count)).unwrap();
    /// assert_eq!(estimate.tokens, 7);
    /// ```
    pub fn new(result: &'a LlmResult, count: &'a AnswerCount) -> Self {
        Self { request: None, result, count, completed: true }
    }

    /// Sets the request.
    #[must_use]
    pub fn request(mut self, request: &'a LlmStart) -> Self {
        self.request = Some(request);
        self
    }

    /// Sets whether the answer is complete.
    #[must_use]
    pub fn completed(mut self, completed: bool) -> Self {
        self.completed = completed;
        self
    }
}
