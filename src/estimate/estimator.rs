use super::{Answer, Estimate};
use crate::event::{LlmStart, Usage};

/// Estimates the tokens of calls whose provider did not report them.
///
/// [`WordEstimator`](super::WordEstimator) is the default. Implement the trait to count with a tokenizer, or to ask a
/// service whose counts are at hand. No method may block, and all are called on the path of the call. A panic is
/// caught: then the count stays unknown.
///
/// ```
/// use tower_llm_callbacks::{
///     LlmStart,
///     estimate::{Answer, Estimate, UsageEstimator},
/// };
///
/// /// Four bytes a token.
/// struct Bytes;
///
/// impl UsageEstimator for Bytes {
///     fn input(&self, _request: &LlmStart) -> Option<Estimate> {
///         None
///     }
///     fn output(&self, answer: &Answer<'_>) -> Option<Estimate> {
///         let bytes: usize = answer.result.choices.iter().map(|choice| choice.text.len()).sum();
///         Some(Estimate::new(bytes as u64 / 4))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not estimate tokens",
    note = "implement `UsageEstimator` for it, or use a `WordEstimator`, or a `TokenizerEstimator` (feature `tokenizer`)"
)]
pub trait UsageEstimator: Send + Sync + 'static {
    /// Returns the tokens of a request: all input tokens, cached ones too. `None` if there is no honest estimate, such as
    /// of a prompt that is not captured.
    fn input(&self, request: &LlmStart) -> Option<Estimate>;

    /// Returns the tokens of an answer so far, with the reasoning that was delivered. `None` if there is no honest
    /// estimate.
    fn output(&self, answer: &Answer<'_>) -> Option<Estimate>;

    /// Whether [`learn`](Self::learn) would use a completed call of this request. Called before the answer is counted, so
    /// that a call from which nothing is learned costs nothing. The default learns nothing.
    fn learns(&self, request: &LlmStart) -> bool {
        let _ = request;
        false
    }

    /// Learns from a completed call whose provider reported its usage. The default learns nothing.
    fn learn(&self, answer: &Answer<'_>, usage: &Usage) {
        let _ = (answer, usage);
    }
}
