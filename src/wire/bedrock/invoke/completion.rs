use serde_json::{Map, Value};

use crate::{
    event::Delta,
    wire::{
        error::said,
        json::{self, Count, ReadError},
        running_usage::RunningUsage,
        usage,
    },
};

/// The names of texts: Anthropic's legacy completions, Titan, Llama, and Cohere, Mistral and DeepSeek.
const TEXTS: [&str; 4] = ["completion", "outputText", "generation", "text"];
/// The lists of several texts: Mistral, Cohere, Titan, AI21's Jurassic, DeepSeek.
const LISTS: [&str; 5] = ["outputs", "generations", "results", "completions", "choices"];
const REASONS: [&str; 4] = ["stop_reason", "completionReason", "finish_reason", "finishReason"];
const INPUTS: [&str; 2] = ["prompt_token_count", "inputTextTokenCount"];
/// The name that Titan has for the sum in a stream.
const TITANS_OUTPUT: &str = "totalOutputTextTokenCount";
const OUTPUTS: [&str; 2] = ["generation_token_count", TITANS_OUTPUT];
/// More choices than can be requested. Bounds the memory of a stream.
const MAX_CHOICES: usize = 1024;

/// An answer whose chunks have a text under some name, of whatever family the model is.
#[derive(Debug, Default)]
pub(super) struct Completion {
    /// The choices so far, and whether each has ended.
    choices: Vec<(u32, bool)>,
    calls: u32,
    usage: RunningUsage,
    known: Map<String, Value>,
    ended: bool,
}

impl Completion {
    /// Whether any of its texts was read.
    pub(super) fn has_begun(&self) -> bool {
        !self.choices.is_empty()
    }

    /// Whether nothing is missing.
    pub(super) fn is_complete(&self) -> bool {
        let finished = !self.choices.is_empty() && self.choices.iter().all(|(_, ended)| *ended);
        self.ended || finished
    }

    /// Reads a non-streamed answer.
    pub(super) fn whole(
        &mut self,
        json: &str,
        each: &mut dyn FnMut(Delta<'_>),
    ) -> Result<(), ReadError> {
        // Whether it is an answer is known only when it is read.
        let mut deltas = vec![Delta::NotStreamed];
        if !self.read(json, &mut |delta| deltas.push(delta.into_owned()))? {
            match said(json, false) {
                Some(error) => deltas = vec![Delta::Error(error)],
                None => deltas.push(Delta::DecodeFault),
            }
        }
        deltas.into_iter().for_each(&mut *each);
        each(Delta::Done);
        Ok(())
    }

    /// Reads a chunk, or all of an answer. Returns whether any of its members is known.
    pub(super) fn read(
        &mut self,
        json: &str,
        each: &mut dyn FnMut(Delta<'_>),
    ) -> Result<bool, ReadError> {
        let mut answer: Map<String, Value> = json::read(json)?;
        let id = ["id", "response_id", "generation_id"].into_iter();
        if let Some(id) = id.filter_map(|name| answer.get(name)?.as_str()).find(|it| !it.is_empty())
        {
            each(Delta::Response { id: Some(id.into()), model: None });
        }
        let list = LISTS.iter().find_map(|name| answer.get(*name)?.as_array());
        let mut known = list.is_some();
        for (position, part) in list.into_iter().flatten().enumerate() {
            if let Some(part) = part.as_object() {
                self.part(u32::try_from(position).ok(), part, each);
            }
        }
        if list.is_none() {
            known = self.part(None, &answer, each);
        }
        known |= self.counts(&mut answer, each);
        Ok(known)
    }

    fn part(
        &mut self,
        position: Option<u32>,
        part: &Map<String, Value>,
        each: &mut dyn FnMut(Delta<'_>),
    ) -> bool {
        let text = TEXTS.iter().find_map(|name| part.get(*name)?.as_str());
        // AI21's Jurassic nests both.
        let text = text.or_else(|| part.get("data")?["text"].as_str());
        // TwelveLabs' Pegasus. Errors, which have a message too, have other members.
        let speaks = part.len() == 1 || part.contains_key("finishReason");
        let text = text.or_else(|| part.get("message").filter(|_| speaks)?.as_str());
        let mut reasons = REASONS.iter().filter_map(|name| part.get(*name));
        let reason = reasons.find_map(|it| it.as_str().or_else(|| it["reason"].as_str()));
        let calls = part.get("tool_calls").and_then(Value::as_array);
        let index = part.get("index").and_then(Count::of).and_then(|it| u32::try_from(it).ok());
        let index = index.or(position);
        // Cohere's chat repeats the text in other events.
        let kind = part.get("event_type").and_then(Value::as_str);
        let is_text = kind.is_none_or(|kind| kind == "text-generation");
        if let Some(text) = text.filter(|_| is_text) {
            let choice = index.unwrap_or(0);
            if !self.begin(choice) {
                each(Delta::DecodeFault);
                return true;
            }
            if !text.is_empty() {
                each(Delta::Text { choice, text: text.into() });
            }
        }
        for call in calls.into_iter().flatten() {
            self.call(index.unwrap_or(0), call, each);
        }
        if let Some(reason) = reason {
            // The last chunk of several choices may be that of all of them.
            if self.choices.is_empty() {
                self.begin(index.unwrap_or(0));
            }
            for (choice, ended) in &mut self.choices {
                if index.is_none_or(|index| index == *choice) && !*ended {
                    *ended = true;
                    each(Delta::Finish { choice: *choice, reason: reason.into() });
                }
            }
        }
        self.ended |= part.get("is_finished").is_some_and(|it| it == true) && index.is_none();
        text.is_some() || reason.is_some() || calls.is_some() || kind.is_some()
    }

    /// Emits a call of Cohere's, which is whole.
    fn call(&mut self, choice: u32, call: &Value, each: &mut dyn FnMut(Delta<'_>)) {
        let Some(name) = call["name"].as_str() else { return };
        let arguments = call.get("parameters").map(Value::to_string).unwrap_or_default();
        self.begin(choice);
        each(Delta::ToolCall {
            choice,
            index: self.calls,
            id: None,
            name: Some(name.into()),
            arguments: arguments.into(),
        });
        self.calls = self.calls.saturating_add(1);
    }

    /// Begins a choice, unless it has begun. Returns whether there is room for it.
    fn begin(&mut self, choice: u32) -> bool {
        let known = self.choices.iter().any(|(index, _)| *index == choice);
        if !known && self.choices.len() < MAX_CHOICES {
            self.choices.push((choice, false));
            return true;
        }
        known
    }

    /// Emits the counts so far. Returns whether there are any.
    fn counts(&mut self, answer: &mut Map<String, Value>, each: &mut dyn FnMut(Delta<'_>)) -> bool {
        if let Some(Value::Object(usage)) = answer.remove("usage") {
            usage::emit(usage, None, each);
            return true;
        }
        // Titan counts each text by itself in an answer that is not streamed.
        let results = answer.get("results").and_then(Value::as_array);
        let counts = results.into_iter().flatten().filter_map(|it| Count::of(&it["tokenCount"]));
        if let Some(sum) = counts.reduce(u64::saturating_add) {
            answer.entry(TITANS_OUTPUT).or_insert(sum.into());
        }
        self.ended |= answer.get(TITANS_OUTPUT).is_some_and(|count| !count.is_null());
        let mut report = Map::new();
        for name in INPUTS.into_iter().chain(OUTPUTS) {
            let Some(value) = answer.remove(name) else { continue };
            // Later chunks have null or 0 in place of the input.
            let is_zero = Count::of(&value) == Some(0);
            let is_repeated = is_zero && self.known.contains_key(name);
            if !(value.is_null() || is_repeated) {
                self.known.insert(name.to_owned(), Value::Null);
                report.insert(name.to_owned(), value);
            }
        }
        let any = !report.is_empty();
        self.usage.merge(report, each);
        any
    }
}
