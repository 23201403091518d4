use std::hash::{BuildHasher, RandomState};

use super::{
    Answer, AnswerCount, Estimate, RequestCount, ToolChoice, UsageEstimator,
    family::{self, Family},
    hidden::may_reason,
    learned::Learned,
    model_name::ModelName,
    terms::Estimated,
};
use crate::event::{LlmStart, Usage, UsageGap};

/// The default estimator: words by classes, with the factors of the model's family, and what is learned from reported calls.
///
/// - **Answers.** Words × the family's factor, what calls of tools and their parameters cost beside their words, and, where
///   a family's servers send a token in each piece, the number of pieces instead of words if it fits them.
/// - **Requests.** Text, messages, tools and schema, each with the family's factors.
/// - **Learning.** One factor for a model's answers, and three terms for its requests with a set of tools. Absurd reports
///   move no factor beyond 0.3 to 4. No content is kept, only sums; 1,024 models at most.
///
/// An estimate is only [a lower bound](Estimate::at_least) where something is not seen: hidden reasoning, media, tools that
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
pub struct WordEstimator {
    learned: Learned,
    keys: RandomState,
}

/// A prompt of more bytes is read less often.
const LARGE: usize = 64 * 1024;

impl WordEstimator {
    /// Creates an estimator that has learned nothing.
    pub fn new() -> Self {
        Self::default()
    }

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
}

impl UsageEstimator for WordEstimator {
    fn input(&self, request: &LlmStart) -> Option<Estimate> {
        let count = RequestCount::of(request)?;
        let (_, family) = of_request(request);
        let estimated = request_terms(&count, family);
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
        Some(Estimate::unseen(whole(tokens), why))
    }

    fn output(&self, answer: &Answer<'_>) -> Option<Estimate> {
        let (name, family) = of_answer(answer);
        let hides = may_reason(&name, answer.request);
        let parts = Parts::of(answer, family, name.summarises_reasoning());
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
            () if hides && known == 0 => Some(UsageGap::HiddenReasoning),
            () if name.is_llama_4() && answer.count.calls() > 0 => Some(UsageGap::Undelivered),
            () => None,
        };
        Some(Estimate::unseen(whole(visible).saturating_add(known), why))
    }

    fn learns(&self, request: &LlmStart) -> bool {
        // Reading one takes a millisecond, on the path of the call, and teaches little more than a short one.
        let is_large = request.messages.known_size().is_some_and(|size| size > LARGE);
        self.learned.wants(self.sample_key(request), is_large)
    }

    fn learn(&self, answer: &Answer<'_>, usage: &Usage) {
        if let Some(request) = answer.request {
            self.learned.count(self.sample_key(request));
            self.learn_input(request, usage);
        }
        self.learn_output(answer, usage);
    }
}

impl WordEstimator {
    fn sample_key(&self, request: &LlmStart) -> u64 {
        let tools =
            request.params.get("tools").and_then(|tools| tools.as_array()).map_or(0, Vec::len);
        self.key(&request.provider, request.model.as_deref().unwrap_or_default(), 2 + tools as u64)
    }

    fn learn_input(&self, request: &LlmStart, usage: &Usage) {
        let (Some(reported), Some(count)) = (usage.input_tokens, RequestCount::of(request)) else {
            return;
        };
        let unfit =
            count.media || count.server_tools || count.stored_context || count.hidden_reasoning;
        if unfit || reported == 0 {
            return;
        }
        let (_, family) = of_request(request);
        let estimated = request_terms(&count, family);
        for key in self.keys_of(request, count.tool_set) {
            self.learned.request(key, reported, &estimated);
        }
    }

    fn learn_output(&self, answer: &Answer<'_>, usage: &Usage) {
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
        // Hidden reasoning is reported apart; where it is not, what is visible teaches nothing.
        if may_reason(&name, answer.request) && reasoning == 0 {
            return;
        }
        let hidden = if name.summarises_reasoning() { reasoning } else { 0 };
        let parts = Parts::of(answer, family, hidden > 0);
        let has_calls = count.calls() > 0;
        let (key, words) = (self.model_key(answer), parts.by_words());
        self.learned.answer(key, has_calls, reported.saturating_sub(hidden), words);
    }
}

/// The tokens of an answer, before what was learned.
struct Parts {
    /// By words, and by pieces where these are tokens.
    words: f64,
    pieces: f64,
    calls: f64,
    marks: f64,
}

impl Parts {
    fn of(answer: &Answer<'_>, family: &Family, without_reasoning: bool) -> Self {
        let (count, output) = (answer.count, &family.output);
        let streamed = answer.result.streamed && output.pieces;
        let mut parts = Self { words: 0.0, pieces: 0.0, calls: 0.0, marks: 0.0 };
        let [text, reasoning, arguments] = count.pieces_by_kind();
        // A name is about two words, which no piece has.
        let names = (2.2 * count.calls() as f64).min(count.tool_words());
        for (words, pieces, counts) in [
            (count.text_words(), text, true),
            (count.reasoning_words(), reasoning, !without_reasoning),
            (count.tool_words() - names, arguments, true),
            (names, 0, true),
        ] {
            let words = output.word * words;
            if counts && streamed && are_tokens(pieces, words) {
                parts.pieces += f64::from(pieces);
            } else if counts {
                parts.words += words;
            }
        }
        let choice = answer.request.map_or(ToolChoice::Auto, ToolChoice::of);
        parts.calls = call_tokens(count, family, choice);
        if !count.is_empty() {
            parts.marks = output.begin + if answer.completed { output.end } else { 0.0 };
        }
        parts
    }

    /// With the learned factor of words.
    fn sum(&self, factor: f64) -> f64 {
        factor * (self.words + self.calls) + self.pieces + self.marks
    }

    /// As what is learned is compared with.
    fn by_words(&self) -> f64 {
        self.sum(1.0)
    }
}

/// Whether the pieces of a stream are its tokens: they are about as many as the tokens that its words have.
fn are_tokens(pieces: u32, words: f64) -> bool {
    pieces >= 8 && (0.75..=1.3).contains(&(f64::from(pieces) / words))
}

/// Returns the tokens of an answer's tool calls beside their words.
pub(super) fn call_tokens(count: &AnswerCount, family: &Family, choice: ToolChoice) -> f64 {
    let output = &family.output;
    let first = match choice {
        ToolChoice::Any => output.any,
        ToolChoice::Named => output.named,
        ToolChoice::Auto | ToolChoice::None => output.first_call,
    };
    match count.calls() {
        0 => 0.0,
        calls => {
            first
                + if calls > 1 { output.several } else { 0.0 }
                + (calls - 1) as f64 * output.further_call
                + count.parameters() as f64 * output.parameter
        }
    }
}

fn request_terms(count: &RequestCount, family: &Family) -> Estimated {
    let input = &family.input;
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
        constant: input.request,
        tools,
        doubt: if input.hidden_prompt { 400.0 } else { 60.0 },
    }
}

fn of_request(request: &LlmStart) -> (ModelName, &'static Family) {
    let name = ModelName::new(request.model.as_deref().unwrap_or_default());
    let family = name.family().unwrap_or_else(|| of_provider(&request.provider));
    (name, family)
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
