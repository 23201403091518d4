//! Estimates of the tokens of calls whose provider did not report them.
//!
//! Some answers end without a report: a stream that was dropped, a server that reports nothing. A [`UsageEstimator`] then
//! tells about how many tokens the request and the answer had. [`WordEstimator`] needs no tokenizer: it counts
//! [words](WordCount) by classes, multiplies by the factor of the model's family, adds what tool calls cost, uses the number of
//! pieces where a piece is a token, and learns from the calls that are reported. An estimate that cannot cover everything
//! says so: [`Estimate::at_least`].
#![cfg_attr(
    feature = "tokenizer",
    doc = "\nWith the feature `tokenizer`, [`TokenizerEstimator`] counts with the model's own tokenizer."
)]

mod answer;
mod answer_count;
mod answer_parts;
mod class;
mod counting;
#[expect(
    clippy::module_inception,
    reason = "the folder is about estimates, the file about `Estimate`"
)]
mod estimate;
mod estimator;
mod family;
mod family_estimator;
mod foreign;
mod hidden;
mod learned;
mod measure;
mod members;
mod model_name;
mod prompt_words;
mod ratio;
mod recent;
mod request_count;
mod request_walk;
#[cfg(feature = "usage")]
mod running;
mod scanner;
mod terms;
mod text_count;
#[cfg(feature = "tokenizer")]
mod token_count;
#[cfg(feature = "tokenizer")]
mod tokenizer_estimator;
mod word_count;
mod word_estimator;

pub(crate) use self::counting::Counting;
#[cfg(feature = "usage")]
pub(crate) use self::running::RunningEstimate;
#[cfg(feature = "tokenizer")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokenizer")))]
pub use self::tokenizer_estimator::TokenizerEstimator;
pub use self::{
    answer::Answer,
    answer_count::AnswerCount,
    estimate::Estimate,
    estimator::UsageEstimator,
    request_count::{RequestCount, ToolChoice},
    word_count::WordCount,
    word_estimator::WordEstimator,
};
