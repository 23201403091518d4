use std::{fmt, sync::Arc};

use super::counted_answers::CountedAnswers;
use crate::{
    estimate::{Answer, AnswerCount, Estimate, UsageEstimator, WordEstimator},
    event::{
        ErrorKind, LlmResult, LlmStart, Pieces, PriceSource, PricedCall, RunCost, Usage, UsageGap,
        UsageSource,
    },
    panics::guarded,
    run::Run,
};

/// What a layer knows of the usage of its calls beyond their answers. Shared by its runs.
#[derive(Clone)]
pub(crate) struct Accounting {
    /// `None` if usage that was not reported stays unknown.
    pub(crate) estimator: Option<Arc<dyn UsageEstimator>>,
    /// `None` if calls are not priced.
    pub(crate) prices: Option<Arc<dyn PriceSource>>,
    counted: Arc<CountedAnswers>,
}

/// How a call ended, as far as its usage depends on it.
#[derive(Clone, Copy)]
pub(super) struct CallEnd {
    /// The kind of the error. `None` if the call completed.
    pub(super) error: Option<ErrorKind>,
    /// The answer arrived in full, even if the call is an error.
    pub(super) whole: bool,
    /// The request may have been sent.
    pub(super) sent: bool,
    /// A model ran for the call, as far as is known.
    pub(super) inferred: bool,
    /// Content arrived after the last report of usage, so that report does not cover all of it.
    pub(super) content_since_report: bool,
    pub(super) pieces: Pieces,
}

impl CallEnd {
    /// Whether the provider may have read the request, and charges for it.
    fn is_charged(self, result: &LlmResult) -> bool {
        let answered = !result.choices.is_empty();
        match self.error {
            None | Some(ErrorKind::Cancelled | ErrorKind::Aborted) => self.sent,
            Some(_) => answered,
        }
    }
}

impl Default for Accounting {
    fn default() -> Self {
        Self {
            estimator: Some(Arc::new(WordEstimator::new())),
            prices: None,
            counted: Arc::default(),
        }
    }
}

impl Accounting {
    /// Completes the usage of a result: says how each count is known, estimates those that the provider did not report,
    /// and drops those that another run has reported, or a cache has repeated. `count` is what the answer consists of; `None` if the result has
    /// all of its texts.
    pub(super) fn settle(
        &self,
        result: &mut LlmResult,
        start: &LlmStart,
        count: Option<&AnswerCount>,
        end: CallEnd,
    ) {
        result.fetched = start.fetched;
        let reported = result.usage.as_ref().is_some_and(Usage::is_known);
        let is_zero = !result.usage.as_ref().is_some_and(Usage::counts_something);
        if result.cached || (!end.inferred && is_zero) {
            result.usage = None;
            return;
        }
        if start.fetched {
            let report = result.usage.take().filter(|_| end.whole && reported);
            result.usage = report.and_then(|usage| self.counted.rest(result, start, usage));
            return;
        }
        let mut usage = result.usage.take().unwrap_or_default();
        usage.set_reported();
        // Of a whole answer, if neither of its parts was reported.
        let only_total = usage.total_tokens.filter(|total| {
            let parts = [usage.source.input, usage.source.output];
            *total > 0 && parts == [None; 2] && end.whole && !end.content_since_report
        });
        let taught = count.is_none() && end.whole && !result.decode_skipped;
        let estimator = self.estimator.as_deref();
        let learns = |it: &&dyn UsageEstimator| estimated(|| it.learns(start));
        let learner = estimator.filter(|_| taught && reported).filter(learns);
        let mut answer = LazyCount { given: count, own: None, pieces: end.pieces };
        self.estimate_input(&mut usage, result, start, end);
        if !is_billed_by_time(result) {
            self.estimate_output(&mut usage, result, start, &mut answer, end);
        }
        if let Some(total) = only_total {
            usage.fit(total);
        }
        let reported_output = usage.source.output == Some(UsageSource::Reported);
        if let Some(learner) = learner {
            let answer = Answer::new(result, answer.get(result)).request(start);
            estimated(|| learner.learn(&answer, &usage));
        }
        if usage.has_more_than_its_parts() {
            // As on Google's OpenAI-compatible endpoint.
            usage.source.output = Some(UsageSource::AtLeast);
            usage.source.output_gap = Some(UsageGap::HiddenReasoning);
        }
        let is_whole_report = end.whole && reported_output;
        if may_be_fetched(start) {
            self.counted.add(result, start, &usage, is_whole_report);
        }
        let says_something = usage.is_known() || usage.source != Default::default();
        result.usage = says_something.then_some(usage);
    }

    /// Prices a result whose usage and request are set.
    pub(super) fn price(&self, result: &mut LlmResult, run: &Run) {
        let Some(source) = &self.prices else { return };
        let Some(call) = PricedCall::ended(result, run.start_time()) else { return };
        let price = estimated(|| source.price_of(&call));
        let usage = (call.usage, call.usage_raw);
        result.cost = price.map(|price| RunCost::new(price, run.run_type(), usage));
    }

    fn estimate_input(
        &self,
        usage: &mut Usage,
        result: &LlmResult,
        start: &LlmStart,
        end: CallEnd,
    ) {
        if usage.input_tokens.is_some_and(|tokens| tokens > 0) || !end.is_charged(result) {
            return;
        }
        if continues_in_background(start, result) {
            return;
        }
        let Some(estimator) = &self.estimator else { return };
        match estimated(|| estimator.input(start)) {
            Some(Estimate { tokens: 0, why, .. }) => usage.source.input_gap = why,
            Some(estimate) => {
                usage.source.input = Some(source(&estimate));
                usage.source.input_gap = estimate.why;
                usage.input_tokens = Some(estimate.tokens);
                usage.sum_up();
            }
            None => usage.source.input_gap = Some(UsageGap::NotCaptured),
        }
    }

    fn estimate_output(
        &self,
        usage: &mut Usage,
        result: &LlmResult,
        start: &LlmStart,
        count: &mut LazyCount<'_>,
        end: CallEnd,
    ) {
        let reported = usage.output_tokens.filter(|tokens| *tokens > 0);
        if reported.is_some() {
            if !end.whole {
                usage.source.output = Some(UsageSource::ReportedSoFar);
            }
            if !end.content_since_report {
                return;
            }
        }
        let Some(estimator) = &self.estimator else { return };
        let count = count.get(result);
        if count.is_empty() {
            return;
        }
        let answer = Answer::new(result, count).request(start).completed(end.whole);
        let Some(estimate) = estimated(|| estimator.output(&answer)) else {
            usage.source.output_gap = Some(UsageGap::NotCaptured);
            return;
        };
        // A report that came before the content is a running one, unless the answer is complete and it fits.
        let fits = reported.is_some_and(|tokens| match end.whole {
            true => tokens >= estimate.tokens / 2,
            false => tokens >= estimate.tokens,
        });
        if fits {
            return;
        }
        usage.source.output = Some(source(&estimate));
        usage.source.output_gap = estimate.why;
        usage.output_tokens = Some(estimate.tokens.max(1));
        if reported.is_some() {
            // The total was that of a running report, too.
            usage.total_tokens = None;
        }
        usage.sum_up();
    }
}

/// Calls an estimator or a source of prices. That may be user code, and the run may be ending in a drop.
fn estimated<T: Default>(f: impl FnOnce() -> T) -> T {
    guarded("an estimator of usage or a source of prices", f).unwrap_or_default()
}

/// What an answer consists of, counted when it is asked for.
struct LazyCount<'a> {
    given: Option<&'a AnswerCount>,
    own: Option<AnswerCount>,
    pieces: Pieces,
}

impl LazyCount<'_> {
    fn get(&mut self, result: &LlmResult) -> &AnswerCount {
        match self.given {
            Some(given) => given,
            None => {
                let pieces = self.pieces;
                self.own.get_or_insert_with(|| AnswerCount::of(result).in_pieces(pieces))
            }
        }
    }
}

fn source(estimate: &Estimate) -> UsageSource {
    if estimate.is_at_least() { UsageSource::AtLeast } else { UsageSource::Estimated }
}

/// Whether the answer is still made when the call has ended, and a later call fetches it with its usage.
///
/// Source: "Background mode" in OpenAI's documentation.
fn continues_in_background(start: &LlmStart, result: &LlmResult) -> bool {
    let background = start.params.get("background").is_some_and(|value| value == true);
    background && result.tokens == 0 && result.text().is_empty()
}

/// Whether the provider reported seconds of audio in place of tokens, as of whisper-1.
fn is_billed_by_time(result: &LlmResult) -> bool {
    result.usage_raw.as_ref().is_some_and(|usage| usage["type"] == "duration")
}

/// Whether the provider stores the answer, so that it can be fetched: OpenAI's Responses and Gemini's interactions by default,
/// chat completions if the request says so.
fn may_be_fetched(start: &LlmStart) -> bool {
    let flag = |name| start.params.get(name).and_then(serde_json::Value::as_bool);
    flag("store").unwrap_or(matches!(&*start.api, "responses" | "interactions"))
        || flag("background") == Some(true)
}

impl fmt::Debug for Accounting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounting")
            .field("estimates", &self.estimator.is_some())
            .field("prices", &self.prices)
            .finish_non_exhaustive()
    }
}
