use std::{
    collections::{HashSet, VecDeque, hash_map::RandomState},
    hash::BuildHasher,
    sync::Mutex,
};

use crate::{
    event::{LlmResult, LlmStart},
    sync::lock,
};

/// The stored answers whose usage a run has reported, so that a fetch of one does not count twice.
///
/// An answer is known by its id and its API. The provider may have another name when it is fetched, as the paths differ.
///
/// Keeps hashes of the last 16,384 ids: at most some 400 kB.
#[derive(Debug, Default)]
pub(super) struct CountedAnswers {
    hasher: RandomState,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    answers: HashSet<u64>,
    /// Oldest first.
    order: VecDeque<u64>,
}

impl CountedAnswers {
    const MAX: usize = 16_384;

    /// Adds an answer. Returns whether it was not there. An answer without an id is never there.
    pub(super) fn is_first(&self, result: &LlmResult, start: &LlmStart) -> bool {
        let Some(id) = &result.response_id else { return true };
        let answer = self.hasher.hash_one((&start.api, id));
        let Seen { answers, order } = &mut *lock(&self.seen);
        if !answers.insert(answer) {
            return false;
        }
        if order.len() == Self::MAX
            && let Some(oldest) = order.pop_front()
        {
            answers.remove(&oldest);
        }
        order.push_back(answer);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::CountedAnswers;
    use crate::event::{LlmResult, LlmStart};

    #[test]
    fn it_is_bounded_and_forgets_the_oldest() {
        let (counted, start) = (CountedAnswers::default(), LlmStart::new("openai", "responses"));
        let answer = |id: usize| LlmResult {
            response_id: Some(format!("resp_{id}").into()),
            ..LlmResult::default()
        };
        for id in 0..=CountedAnswers::MAX {
            assert!(counted.is_first(&answer(id), &start));
        }
        assert!(!counted.is_first(&answer(1), &start));
        assert!(counted.is_first(&answer(0), &start), "the oldest is forgotten");
        assert!(!counted.is_first(&answer(2), &LlmStart::new("azure.ai.openai", "responses")));
        assert!(counted.is_first(&answer(2), &LlmStart::new("openai", "interactions")));
        assert_eq!(super::lock(&counted.seen).answers.len(), CountedAnswers::MAX);
        let without_id = LlmResult::default();
        assert!(counted.is_first(&without_id, &start) && counted.is_first(&without_id, &start));
    }
}
