use std::{
    collections::{HashMap, VecDeque, hash_map::RandomState},
    hash::BuildHasher,
    sync::Mutex,
};

use crate::{
    event::{LlmResult, LlmStart, Usage, UsageSource},
    sync::lock,
};

/// The stored answers whose usage a run has counted, so that a fetch of one does not count twice.
///
/// A stream that is cut has an estimate, of an answer with which the provider may go on: in the background. A fetch of that
/// answer brings its report, and counts what that is more than the estimate. So the sum is right whether or not the answer is
/// ever fetched: the estimate, or the report.
///
/// An answer is known by its id and its API. The provider may have another name when it is fetched, as the paths differ.
///
/// Keeps hashes of the last 16,384 ids: at most some 900 kB.
#[derive(Debug, Default)]
pub(super) struct CountedAnswers {
    hasher: RandomState,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    answers: HashMap<u64, Counted>,
    /// Oldest first.
    order: VecDeque<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    Whole,
    /// An estimate: tokens of the input and the output.
    Part(u64, u64),
}

impl CountedAnswers {
    const MAX: usize = 16_384;

    /// Adds the answer of a call, of which a usage was counted: a `whole` report, or an estimate.
    pub(super) fn add(&self, result: &LlmResult, start: &LlmStart, usage: &Usage, whole: bool) {
        let part =
            || Counted::Part(usage.input_tokens.unwrap_or(0), usage.output_tokens.unwrap_or(0));
        if whole || usage.is_known() {
            self.put(result, start, if whole { Counted::Whole } else { part() });
        }
    }

    /// Adds an answer that was fetched in full, with its report. Returns what of it was not counted before; `None` if that is
    /// nothing. An answer without an id was never counted.
    pub(super) fn rest(
        &self,
        result: &LlmResult,
        start: &LlmStart,
        report: Usage,
    ) -> Option<Usage> {
        match self.put(result, start, Counted::Whole) {
            None => Some(report),
            Some(Counted::Whole) => None,
            Some(Counted::Part(input, output)) => Some(without(report, input, output)),
        }
    }

    /// Adds an answer. Returns what was there of it.
    fn put(&self, result: &LlmResult, start: &LlmStart, counted: Counted) -> Option<Counted> {
        let id = result.response_id.as_ref()?;
        let answer = self.hasher.hash_one((&start.api, id));
        let Seen { answers, order } = &mut *lock(&self.seen);
        if let Some(known) = answers.get_mut(&answer) {
            let before = *known;
            if before != Counted::Whole {
                *known = counted;
            }
            return Some(before);
        }
        answers.insert(answer, counted);
        if order.len() == Self::MAX
            && let Some(oldest) = order.pop_front()
        {
            answers.remove(&oldest);
        }
        order.push_back(answer);
        None
    }
}

/// Returns what a report has beside tokens that were counted before. It is no number of the provider's, so an estimate.
fn without(report: Usage, input: u64, output: u64) -> Usage {
    let mut rest = report;
    let less = |count: Option<u64>, counted: u64| Some(count?.saturating_sub(counted));
    let (input, output) = (less(rest.input_tokens, input), less(rest.output_tokens, output));
    // A part is not larger than the whole.
    rest.cache_read_tokens = rest.cache_read_tokens.min(input);
    let written = input.zip(rest.cache_read_tokens).map(|(input, read)| input - read).or(input);
    rest.cache_write_tokens = rest.cache_write_tokens.min(written);
    rest.cache_writes.clear();
    // Which of the tokens were counted before is not known.
    rest.details.retain(|name, _| !name.ends_with("_tokens"));
    rest.reasoning_tokens = rest.reasoning_tokens.min(output);
    (rest.input_tokens, rest.output_tokens, rest.total_tokens) = (input, output, None);
    rest.sum_up();
    rest.source.input = input.map(|_| UsageSource::Estimated);
    rest.source.output = output.map(|_| UsageSource::Estimated);
    rest
}

#[cfg(test)]
mod tests {
    use super::CountedAnswers;
    use crate::event::{LlmResult, LlmStart, Usage};

    #[test]
    fn it_is_bounded_and_forgets_the_oldest() {
        let (counted, start) = (CountedAnswers::default(), LlmStart::new("openai", "responses"));
        let answer = |id: usize| LlmResult {
            response_id: Some(format!("resp_{id}").into()),
            ..LlmResult::default()
        };
        let is_first = |answer: &LlmResult, start: &LlmStart| {
            counted.rest(answer, start, Usage::new(1, 1)).is_some()
        };
        for id in 0..=CountedAnswers::MAX {
            assert!(is_first(&answer(id), &start));
        }
        assert!(!is_first(&answer(1), &start));
        assert!(is_first(&answer(0), &start), "the oldest is forgotten");
        assert!(!is_first(&answer(2), &LlmStart::new("azure.ai.openai", "responses")));
        assert!(is_first(&answer(2), &LlmStart::new("openai", "interactions")));
        assert_eq!(super::lock(&counted.seen).answers.len(), CountedAnswers::MAX);
        let without_id = LlmResult::default();
        assert!(is_first(&without_id, &start) && is_first(&without_id, &start));
    }

    #[test]
    fn what_was_estimated_is_not_counted_again() {
        let (counted, start) = (CountedAnswers::default(), LlmStart::new("openai", "responses"));
        let answer = LlmResult { response_id: Some("resp_1".into()), ..LlmResult::default() };
        counted.add(&answer, &start, &Usage::default(), false);
        counted.add(&answer, &start, &Usage::new(18, 3), false);
        let report = Usage::new(20, 400).cached(16, 4).reasoning(399);
        let rest = counted.rest(&answer, &start, report.clone()).expect("the rest");
        assert_eq!(
            (rest.input_tokens, rest.output_tokens, rest.total_tokens),
            (Some(2), Some(397), Some(399))
        );
        let parts = (rest.cache_read_tokens, rest.cache_write_tokens, rest.reasoning_tokens);
        assert_eq!(parts, (Some(2), Some(0), Some(397)));
        assert!(rest.source.is_estimated());
        assert_eq!(counted.rest(&answer, &start, report), None);
        // A report that is less than the estimate has nothing to add.
        let answer = LlmResult { response_id: Some("resp_2".into()), ..LlmResult::default() };
        counted.add(&answer, &start, &Usage::new(30, 30), false);
        let rest = counted.rest(&answer, &start, Usage::new(20, 40)).expect("the rest");
        assert_eq!((rest.input_tokens, rest.output_tokens), (Some(0), Some(10)));
    }
}
