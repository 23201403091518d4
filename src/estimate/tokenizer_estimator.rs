use std::ptr;

use tiktoken::{CoreBpe, get_encoding};

use super::{
    Answer, AnswerCount, Estimate, RequestCount, UsageEstimator, WordEstimator,
    family::{self, Family},
    family_estimator::FamilyEstimator,
    measure::{Measure, Texts},
    model_name::ModelName,
    text_count::TextCount,
    token_count::TokenCount,
};
use crate::event::{LlmResult, LlmStart, Usage};

/// An estimator that counts with the model's own tokenizer, where the crate [`tiktoken`] has it.
///
/// What a call has beside its texts, and what is learned of a model, is as with [`WordEstimator`], which also estimates the
/// calls of all other models, and answers whose content is [not captured](crate::ContentCapture) in full.
///
/// # Tokenizers
///
/// Those of OpenAI, GPT-OSS, Qwen and Mistral are part of the feature `tokenizer`. Those of DeepSeek, Llama, Kimi and GLM are
/// used too if the application turns on the feature of `tiktoken` that has their vocabulary: `vocab-deepseek`, `vocab-meta`,
/// `vocab-moonshot`, `vocab-zhipu`. Read their licences first: `LICENSE-3RD-PARTY` of that crate. Claude, Gemini, Grok, Cohere
/// and Nova publish no tokenizer.
///
/// # Cost
///
/// About 100 ns a token, once for each call whose usage is not reported or from which is learned. The first text of a
/// tokenizer loads it, which takes about 0.1 s and 25 MB: [`load`](Self::load) does it before.
///
/// ```
/// use std::sync::Arc;
/// use tower_llm_callbacks::{Callbacks, HttpCallbackLayer, estimate::TokenizerEstimator};
///
/// let estimator = TokenizerEstimator::new();
/// assert!(estimator.load("gpt-4o-mini"));
/// assert!(!estimator.load("claude-sonnet-5"));
/// let layer = HttpCallbackLayer::new(Callbacks::new()).usage_estimator(Arc::new(estimator));
/// ```
#[derive(Debug, Default)]
pub struct TokenizerEstimator {
    tokens: FamilyEstimator,
    words: WordEstimator,
}

impl TokenizerEstimator {
    /// Creates an estimator that has learned nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Loads the tokenizer of a model, unless it is loaded. Returns whether there is one.
    pub fn load(&self, model: &str) -> bool {
        Tokens::of(Some(model)).is_some()
    }
}

impl UsageEstimator for TokenizerEstimator {
    fn input(&self, request: &LlmStart) -> Option<Estimate> {
        match Tokens::of(request.model.as_deref()) {
            Some(tokens) => self.tokens.input(request, &tokens),
            None => self.words.input(request),
        }
    }

    fn output(&self, answer: &Answer<'_>) -> Option<Estimate> {
        match Tokens::of_answer(answer) {
            Some(tokens) => self.tokens.output(answer, &tokens),
            None => self.words.output(answer),
        }
    }

    fn learns(&self, request: &LlmStart) -> bool {
        match Tokens::of(request.model.as_deref()) {
            Some(_) => self.tokens.learns(request),
            None => self.words.learns(request),
        }
    }

    fn learn(&self, answer: &Answer<'_>, usage: &Usage) {
        match Tokens::of_answer(answer) {
            Some(tokens) => self.tokens.learn(answer, usage, &tokens),
            None => self.words.learn(answer, usage),
        }
    }
}

/// By the tokens of a tokenizer.
#[derive(Clone, Copy)]
struct Tokens(&'static CoreBpe);

impl Tokens {
    /// Returns the tokenizer of a model, if there is one.
    fn of(model: Option<&str>) -> Option<Self> {
        let family = ModelName::new(model?).family()?;
        let names = [
            (&family::OPENAI, "o200k_base"),
            (&family::OPENAI_REASONING, "o200k_base"),
            (&family::GPT_OSS, "o200k_base"),
            (&family::OPENAI_OLD, "cl100k_base"),
            (&family::QWEN, "qwen2"),
            (&family::MISTRAL, "mistral_v3"),
            (&family::DEEPSEEK, "deepseek_v3"),
            (&family::LLAMA, "llama3"),
            (&family::LLAMA_3, "llama3"),
            (&family::KIMI, "kimi_k2"),
            (&family::GLM, "glm4"),
        ];
        let (_, name) = names.into_iter().find(|(of, _)| ptr::eq(*of, family))?;
        get_encoding(name).map(Self)
    }

    /// Returns the tokenizer of an answer, if there is one and the answer has all of its texts.
    fn of_answer(answer: &Answer<'_>) -> Option<Self> {
        let requested = || answer.request?.model.as_deref();
        let tokens = Self::of(answer.result.model.as_deref()).or_else(|| Self::of(requested()))?;
        let whole = AnswerCount::of(answer.result).words() == answer.count.words();
        whole.then_some(tokens)
    }

    fn count<'t>(self, texts: impl IntoIterator<Item = &'t String>) -> f64 {
        texts.into_iter().map(|text| self.0.count(text)).sum::<usize>() as f64
    }
}

impl Measure for Tokens {
    fn request(&self, request: &LlmStart, family: &Family) -> Option<RequestCount> {
        let count = TokenCount::new(self.0, 1.0 / family.input.word);
        RequestCount::counted(request, &TextCount::Tokens(count))
    }

    fn answer(&self, answer: &Answer<'_>, _: &Family) -> Texts {
        let LlmResult { choices, .. } = answer.result;
        let calls = choices.iter().flat_map(|choice| &choice.tool_calls);
        Texts {
            text: self.count(choices.iter().flat_map(|it| [&it.text, &it.refusal])),
            reasoning: self.count(choices.iter().map(|it| &it.reasoning)),
            calls: self.count(calls.flat_map(|call| [&call.name, &call.arguments])),
            exact: true,
        }
    }
}
