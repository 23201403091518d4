use std::{
    hash::{BuildHasher, RandomState},
    ptr,
};

use serde_json::Value;

use super::{
    Answer, Estimate, RequestCount,
    answer_parts::AnswerParts,
    family::{self, Family},
    hidden::{asks_for_media, may_reason, turns_thinking_on},
    learned::Learned,
    measure::Measure,
    model_name::ModelName,
    terms::Estimated,
};
use crate::event::{LlmStart, Usage, UsageGap};

/// A prompt of more bytes is read less often.
const LARGE: usize = 64 * 1024;

/// What estimators share, however they measure texts: the tokens that a family's calls have beside their texts, and what was
/// learned of each model.
#[derive(Debug, Default)]
pub(super) struct FamilyEstimator {
    learned: Learned,
    keys: RandomState,
}

impl FamilyEstimator {
    fn key(&self, provider: &str, model: &str, part: u64) -> u64 {
        self.keys.hash_one((provider, model, part))
    }

    fn keys_of(&self, request: &LlmStart, set: u64) -> [u64; 2] {
        let model = request.model.as_deref().unwrap_or_default();
        // A set of tools that is not known yet has what was learned of the model.
        [set, 0].map(|part| self.key(&request.provider, model, part))
    }

    fn model_key(&self, answer: &Answer<'_>) -> u64 {
        match answer.request {
            Some(request) => {
                self.key(&request.provider, request.model.as_deref().unwrap_or_default(), 1)
            }
            None => self.key("", answer.result.model.as_deref().unwrap_or_default(), 1),
        }
    }

    pub(super) fn input(&self, request: &LlmStart, measure: &impl Measure) -> Option<Estimate> {
        let (_, family) = of_request(request);
        let count = measure.request(request, family)?;
        let estimated = request_terms(&count, family, request);
        let keys = self.keys_of(request, count.tool_set);
        let (tokens, known) = self.learned.tokens(keys, &estimated);
        let why = match () {
            () if count.media => Some(UsageGap::Media),
            () if count.server_tools => Some(UsageGap::ServerTools),
            () if count.stored_context => Some(UsageGap::StoredContext),
            () if count.hidden_reasoning => Some(UsageGap::HiddenReasoning),
            () if family.input.hidden_prompt && !known => Some(UsageGap::HiddenPrompt),
            () => None,
        };
        Some(Estimate { tokens: whole(tokens), why })
    }

    pub(super) fn output(&self, answer: &Answer<'_>, measure: &impl Measure) -> Option<Estimate> {
        let (name, family) = of_answer(answer);
        let hides = may_reason(&name, answer.request);
        let parts = AnswerParts::of(answer, family, measure, name.summarises_reasoning());
        let factor = self.learned.factor(
            self.model_key(answer),
            answer.count.calls() > 0,
            family.confidence,
        );
        let visible = parts.sum(factor);
        let reasoning = answer.result.usage.as_ref().and_then(|usage| usage.reasoning_tokens);
        let known = reasoning.filter(|_| name.summarises_reasoning()).unwrap_or(0);
        let why = match () {
            () if answer.result.decode_skipped || answer.result.decode_faults > 0 => {
                Some(UsageGap::NotCaptured)
            }
            () if answer.request.is_some_and(asks_for_media) => Some(UsageGap::Media),
            () if hides && known == 0 => Some(UsageGap::HiddenReasoning),
            () if name.is_llama_4() && answer.count.calls() > 0 => Some(UsageGap::Undelivered),
            () => None,
        };
        Some(Estimate { tokens: whole(visible).saturating_add(known), why })
    }

    pub(super) fn learns(&self, request: &LlmStart) -> bool {
        // Reading one takes a millisecond, on the path of the call, and teaches little more than a short one.
        let is_large = request.messages.known_size().is_some_and(|size| size > LARGE);
        self.learned.wants(self.sample_key(request), is_large)
    }

    pub(super) fn learn(&self, answer: &Answer<'_>, usage: &Usage, measure: &impl Measure) {
        if let Some(request) = answer.request {
            self.learned.count(self.sample_key(request));
            self.learn_input(request, usage, measure);
        }
        self.learn_output(answer, usage, measure);
    }

    fn sample_key(&self, request: &LlmStart) -> u64 {
        let tools =
            request.params.get("tools").and_then(|tools| tools.as_array()).map_or(0, Vec::len);
        self.key(&request.provider, request.model.as_deref().unwrap_or_default(), 2 + tools as u64)
    }

    fn learn_input(&self, request: &LlmStart, usage: &Usage, measure: &impl Measure) {
        let (_, family) = of_request(request);
        let count = measure.request(request, family);
        let (Some(reported), Some(count)) = (usage.input_tokens, count) else { return };
        let unfit =
            count.media || count.server_tools || count.stored_context || count.hidden_reasoning;
        if unfit || reported == 0 {
            return;
        }
        let estimated = request_terms(&count, family, request);
        for key in self.keys_of(request, count.tool_set) {
            self.learned.request(key, reported, &estimated);
        }
    }

    fn learn_output(&self, answer: &Answer<'_>, usage: &Usage, measure: &impl Measure) {
        let Some(reported) = usage.output_tokens else { return };
        let (result, count) = (answer.result, answer.count);
        let whole = answer.completed
            && result.choices.len() <= 1
            && !result.decode_skipped
            && result.decode_faults == 0
            && !count.is_empty();
        if !whole {
            return;
        }
        let (name, family) = of_answer(answer);
        let reasoning = usage.reasoning_tokens.unwrap_or(0);
        // Hidden reasoning is reported apart; where it is not, what is visible teaches nothing. Nor does it beside media.
        let hides = may_reason(&name, answer.request) && reasoning == 0;
        if hides || answer.request.is_some_and(asks_for_media) {
            return;
        }
        let hidden = if name.summarises_reasoning() { reasoning } else { 0 };
        let parts = AnswerParts::of(answer, family, measure, hidden > 0);
        let has_calls = count.calls() > 0;
        let (key, words) = (self.model_key(answer), parts.by_words());
        self.learned.answer(key, has_calls, reported.saturating_sub(hidden), words);
    }
}

fn request_terms(count: &RequestCount, family: &Family, request: &LlmStart) -> Estimated {
    let input = &family.input;
    if request.inputs.is_some() {
        // Inputs of models that are no language models have no messages around them. Some are tokens already.
        let text = match request.messages.get().map_or(0, tokens_in) {
            0 => input.word * count.text_words,
            tokens => tokens as f64,
        };
        return Estimated { text, constant: 0.0, tools: 0.0, doubt: 60.0 };
    }
    let tools = match count.tools {
        0 => 0.0,
        tools => input.tools + input.tool * tools as f64 + input.tool_word * count.tools_words,
    };
    Estimated {
        text: input.word * count.text_words
            + input.message * count.messages as f64
            // Calls cost in a prompt what they cost in an answer.
            + (family.output.first_call + family.output.parameter) * count.calls as f64
            + input.schema_word * count.schema_words,
        constant: input.request + if turns_thinking_on(request) { input.thinking } else { 0.0 },
        tools,
        doubt: if input.hidden_prompt { 400.0 } else { 60.0 },
    }
}

/// Returns the number of tokens in lists of tokens, which are numbers.
fn tokens_in(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(tokens_in).sum(),
        Value::Number(_) => 1,
        _ => 0,
    }
}

fn of_request(request: &LlmStart) -> (ModelName, &'static Family) {
    let name = ModelName::new(request.model.as_deref().unwrap_or_default());
    let family = name.family().unwrap_or_else(|| of_provider(&request.provider));
    let at_vertex = &*request.provider == "gcp.vertex_ai" && ptr::eq(family, &family::GEMINI);
    (name, if at_vertex { &family::GEMINI_VERTEX } else { family })
}

/// The model that answered says most; the requested one may be an alias.
fn of_answer(answer: &Answer<'_>) -> (ModelName, &'static Family) {
    if let Some(model) = answer.result.model.as_deref() {
        let name = ModelName::new(model);
        if let Some(family) = name.family() {
            return (name, family);
        }
    }
    match answer.request {
        Some(request) => of_request(request),
        None => {
            (ModelName::new(answer.result.model.as_deref().unwrap_or_default()), &family::OTHER)
        }
    }
}

fn of_provider(provider: &str) -> &'static Family {
    match provider {
        "anthropic" => &family::CLAUDE_4_5,
        "gcp.gemini" | "gcp.vertex_ai" => &family::GEMINI,
        "mistral_ai" => &family::MISTRAL,
        "cohere" => &family::COHERE,
        "deepseek" => &family::DEEPSEEK,
        "x_ai" => &family::GROK,
        "moonshot_ai" => &family::KIMI,
        _ => &family::OTHER,
    }
}

/// Rounds tokens.
fn whole(tokens: f64) -> u64 {
    // Saturates, and is 0 for what is no number.
    tokens.round().max(0.0) as u64
}
