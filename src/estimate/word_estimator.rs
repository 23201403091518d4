use super::{Answer, Estimate, UsageEstimator, family_estimator::FamilyEstimator, measure::Words};
use crate::event::{LlmStart, Usage};

/// The default estimator: words by classes, with the factors of the model's family, and what is learned from reported calls.
///
/// - **Answers.** Words × the family's factor, what calls of tools and their parameters cost beside their words, and, where
///   a family's servers send a token in each piece, the number of pieces instead of words if it fits them.
/// - **Requests.** Text, messages, tools and schema, each with the family's factors.
/// - **Learning.** One factor for a model's answers, and three terms for its requests with a set of tools. Absurd reports
///   move no factor beyond 0.3 to 4. No content is kept, only sums; 1,024 models at most.
///
/// An estimate is only [a lower bound](Estimate::is_at_least) where something is not seen: hidden reasoning, media, tools that
/// the provider runs, context that it keeps.
///
/// ```
/// use serde_json::json;
/// use tower_llm_callbacks::{
///     LlmStart, Prompt,
///     estimate::{UsageEstimator, WordEstimator},
/// };
///
/// let start = LlmStart::new("openai", "chat_completions")
///     .model("gpt-4o-mini")
///     .messages(Prompt::json(json!([{"role": "user", "content": "What is the capital of France?"}])));
/// let estimate = WordEstimator::new().input(&start).unwrap();
/// assert_eq!(estimate.tokens, 14);
/// ```
#[derive(Debug, Default)]
pub struct WordEstimator(FamilyEstimator);

impl WordEstimator {
    /// Creates an estimator that has learned nothing.
    pub fn new() -> Self {
        Self::default()
    }
}

impl UsageEstimator for WordEstimator {
    fn input(&self, request: &LlmStart) -> Option<Estimate> {
        self.0.input(request, &Words)
    }

    fn output(&self, answer: &Answer<'_>) -> Option<Estimate> {
        self.0.output(answer, &Words)
    }

    fn learns(&self, request: &LlmStart) -> bool {
        self.0.learns(request)
    }

    fn learn(&self, answer: &Answer<'_>, usage: &Usage) {
        self.0.learn(answer, usage, &Words);
    }
}
