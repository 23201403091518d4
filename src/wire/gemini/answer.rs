use std::{
    collections::BTreeSet,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
};

use serde_json::Value;

use super::{
    call::ToolCalls,
    chunk::{Candidate, Chunk, Part},
    word::Api,
};
use crate::{event::Delta, wire::usage};

/// More candidates than can be requested. Bounds the memory of a stream.
const MAX_CANDIDATES: usize = 64;
/// The memory for fragmented arguments, of all calls together.
const MAX_ARGUMENTS: usize = 16 * 1024 * 1024;
/// More searches than an answer has. Bounds the memory of a stream.
const MAX_SEARCHES: usize = 1024;

/// The state of an answer while it is read.
#[derive(Debug)]
pub(super) struct AnswerState {
    api: Api,
    candidates: Vec<CandidateState>,
    blocked: bool,
    has_id: bool,
    has_model: bool,
    room: usize,
    /// Hashes of the searches in the web, of which Google charges for those that differ.
    searches: BTreeSet<u64>,
}

#[derive(Debug)]
struct CandidateState {
    choice: u32,
    finished: bool,
    calls: ToolCalls,
}

impl AnswerState {
    pub(super) fn new(api: Api) -> Self {
        Self {
            api,
            candidates: Vec::new(),
            blocked: false,
            has_id: false,
            has_model: false,
            room: MAX_ARGUMENTS,
            searches: BTreeSet::new(),
        }
    }

    /// Reads an event, or a non-streamed answer.
    pub(super) fn chunk(&mut self, chunk: Chunk<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        let id = chunk.response_id.filled().filter(|_| !self.has_id);
        let model = chunk.model_version.filled().filter(|_| !self.has_model);
        if id.is_some() || model.is_some() {
            self.has_id |= id.is_some();
            self.has_model |= model.is_some();
            each(Delta::Response { id, model });
        }
        let reason = chunk.prompt_feedback.0;
        let reason = reason.and_then(|feedback| feedback.block_reason.block_reason(self.api));
        if let Some(reason) = reason.filter(|_| !self.blocked) {
            self.blocked = true;
            each(Delta::Finish { choice: 0, reason });
        }
        for (at, candidate) in chunk.candidates.0.into_iter().flatten().enumerate() {
            self.candidate(at, candidate, each);
        }
        if let Some(metadata) = chunk.usage_metadata.0 {
            let searches = self.searches.len() as u64;
            let searches = (searches > 0).then(|| ("web_searches".into(), searches));
            usage::emit_with(metadata, None, searches.into_iter().collect(), each);
        }
    }

    fn candidate(&mut self, at: usize, candidate: Candidate<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        let grounding = candidate.grounding_metadata.0.unwrap_or_default();
        let queries = grounding.web_search_queries.as_array().into_iter().flatten();
        for query in queries.filter_map(Value::as_str) {
            if self.searches.len() < MAX_SEARCHES {
                self.searches.insert(hash(query));
            }
        }
        // The index of the first candidate is usually omitted.
        let index = candidate.index.0.unwrap_or(at as u64);
        let Ok(choice) = u32::try_from(index) else { return };
        let known = self.candidates.iter().position(|known| known.choice == choice);
        let known = known.unwrap_or_else(|| {
            let state = CandidateState { choice, finished: false, calls: ToolCalls::default() };
            self.candidates.push(state);
            self.candidates.len() - 1
        });
        if known == MAX_CANDIDATES {
            self.candidates.truncate(MAX_CANDIDATES);
            each(Delta::DecodeFault);
            return;
        }
        let state = &mut self.candidates[known];
        let parts = candidate.content.0.and_then(|content| content.parts.0);
        for part in parts.into_iter().flatten() {
            state.part(part, &mut self.room, each);
        }
        // More content and another reason may follow: with tools that run at the provider each step has one.
        if let Some(reason) = candidate.finish_reason.finish_reason(self.api) {
            state.finished = true;
            each(Delta::Finish { choice, reason });
        }
    }

    /// Ends the answer: emits the rest of open calls. Returns whether the answer is complete.
    pub(super) fn end(&mut self, each: &mut dyn FnMut(Delta<'_>)) -> bool {
        let Self { candidates, room, .. } = self;
        for state in candidates.iter_mut() {
            state.calls.close(state.choice, room, each);
        }
        let finished = candidates.iter().all(|state| state.finished);
        finished && (self.blocked || !candidates.is_empty())
    }
}

impl CandidateState {
    fn part(&mut self, part: Part<'_>, room: &mut usize, each: &mut dyn FnMut(Delta<'_>)) {
        let choice = self.choice;
        if let Some(text) = part.text.filled() {
            each(match part.thought == true {
                true => Delta::Reasoning { choice, text },
                false => Delta::Text { choice, text },
            });
        }
        if let Some(call) = part.function_call.0 {
            self.calls.add(choice, call, room, each);
        }
    }
}

fn hash(text: &str) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(text)
}
