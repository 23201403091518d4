use std::borrow::Cow;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};

use super::{element::Element, part::Part};
use crate::{
    event::{Delta, Usage},
    wire::{
        json::{Count, List, Object, Text},
        usage,
    },
};

/// An answer with outputs, of any API: a member says which ones.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer<'a> {
    /// The type of an event.
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    /// DashScope's name of the id.
    #[serde(borrow)]
    pub(super) request_id: Text<'a>,
    #[serde(borrow)]
    pub(super) model: Text<'a>,
    data: Option<Part>,
    /// Pictures of SiliconFlow, and on Bedrock. Cohere's are those of the request.
    images: Option<Part>,
    artifacts: Option<Part>,
    embeddings: Option<Part>,
    embedding: Option<Part>,
    /// Titan's vectors.
    #[serde(rename = "embeddingsByType")]
    by_type: Option<Part>,
    results: Option<Part>,
    predictions: Option<Part>,
    /// Mistral's sound.
    audio_data: Option<Part>,
    /// DeepInfra's sound.
    audio: Option<Part>,
    /// DashScope's outputs.
    #[serde(borrow)]
    output: Object<Box<Answer<'a>>>,
    usage: Object<Map<String, Value>>,
    /// Cohere's usage, and more.
    meta: Object<Map<String, Value>>,
    #[serde(rename = "usageMetadata")]
    usage_metadata: Object<Map<String, Value>>,
    /// Vertex AI's count of characters.
    metadata: Object<Map<String, Value>>,
    // What Ollama, watsonx, DeepInfra and Titan have in place of a usage object.
    prompt_eval_count: Value,
    total_duration: Value,
    load_duration: Value,
    input_token_count: Value,
    input_tokens: Value,
    #[serde(rename = "inputTextTokenCount")]
    input_text_token_count: Value,
    inference_status: Value,
    /// Why Stability has sent no picture: null for each that it has sent.
    finish_reasons: Value,
    pub(super) error: Option<IgnoredAny>,
}

impl Answer<'_> {
    /// Returns the outputs; `None` if this is no answer.
    pub(super) fn outputs(&self) -> Option<&Part> {
        // A piece of sound has a type.
        let sound = [&self.audio_data, &self.audio].into_iter().flatten();
        let sound = sound.filter(|_| self.kind.as_deref().is_none());
        let files = [&self.images, &self.artifacts].into_iter().flatten().chain(sound).next();
        let found = self.vectors().or(files);
        found.or_else(|| self.output.0.as_ref()?.outputs())
    }

    /// Returns the outputs that may be vectors.
    fn vectors(&self) -> Option<&Part> {
        let members = [
            &self.data,
            &self.embeddings,
            &self.embedding,
            &self.by_type,
            &self.results,
            &self.predictions,
        ];
        members.into_iter().flatten().next()
    }

    /// Whether there was nothing to embed: Ollama then only loads the model.
    pub(super) fn is_without_vectors(&self) -> bool {
        let mut vectors = [&self.embeddings, &self.embedding].into_iter().flatten();
        vectors.next().is_some_and(|vectors| vectors.count() == 0)
    }

    /// Returns why a filter has removed all outputs.
    pub(super) fn refusal(&self) -> Option<&str> {
        let removed = self.outputs().is_some_and(|outputs| outputs.count() == 0);
        let reasons = self.finish_reasons.as_array().filter(|_| removed);
        reasons.into_iter().flatten().find_map(Value::as_str)
    }

    /// Returns the dimensions of the vectors, whose numbers are of a type.
    pub(super) fn dimensions(&self, element: Element) -> Option<u32> {
        match self.vectors() {
            Some(vectors) => vectors.dimensions(element).filter(|_| vectors.count() > 0),
            None => self.output.0.as_ref()?.dimensions(element),
        }
    }

    /// Emits the usage, if the answer has any. `tokens` is what those of the output are, where the answer does not say it.
    pub(super) fn usage(&mut self, tokens: Option<&str>, each: &mut dyn FnMut(Delta<'_>)) {
        let objects =
            [&mut self.usage, &mut self.usage_metadata, &mut self.meta, &mut self.metadata];
        let object = objects.into_iter().find_map(|object| object.0.take());
        let raw = object.or_else(|| self.loose());
        let raw = raw.filter(|raw| raw.values().any(|value| !value.is_null()));
        let mut usage = raw.as_ref().map(counts).unwrap_or_default();
        if let (None, Some(output), Some(total)) =
            (usage.input_tokens, usage.output_tokens, usage.total_tokens)
        {
            usage.input_tokens = total.checked_sub(output);
        }
        // These calls have no tokens of output.
        if let (None, None, Some(total)) =
            (usage.input_tokens, usage.output_tokens, usage.total_tokens)
        {
            usage.input_tokens = Some(total);
        }
        if let (None, Some(tokens)) =
            (usage.input_tokens, self.outputs().and_then(|outputs| outputs.tokens))
        {
            usage = Usage::new(tokens, None);
        }
        let divided = raw.as_ref().is_some_and(|raw| raw.contains_key("output_tokens_details"));
        if let (false, Some(name), Some(output @ 1..)) = (divided, tokens, usage.output_tokens) {
            usage.details.insert(name.into(), output);
        }
        if usage.is_known() || raw.is_some() {
            each(Delta::Usage { usage, raw: raw.map(|raw| Cow::Owned(Value::Object(raw))) });
        }
    }

    /// Returns the counts that stand in the answer itself.
    fn loose(&mut self) -> Option<Map<String, Value>> {
        let members = [
            ("prompt_eval_count", &mut self.prompt_eval_count),
            ("total_duration", &mut self.total_duration),
            ("load_duration", &mut self.load_duration),
            ("input_token_count", &mut self.input_token_count),
            ("input_tokens", &mut self.input_tokens),
            ("inputTextTokenCount", &mut self.input_text_token_count),
            ("inference_status", &mut self.inference_status),
        ];
        let sent = members.into_iter().filter(|(_, value)| !value.is_null());
        let raw: Map<String, Value> =
            sent.map(|(name, value)| (name.to_owned(), value.take())).collect();
        (!raw.is_empty()).then_some(raw)
    }
}

/// Reads counts. Cohere bills the tokens of pictures beside those of texts.
fn counts(raw: &Map<String, Value>) -> Usage {
    let mut usage = usage::read(raw);
    let billed = raw.get("billed_units").filter(|_| !raw.contains_key("tokens"));
    let pictures = billed.and_then(|billed| Count::of(&billed["image_tokens"]));
    if let Some(tokens @ 1..) = pictures {
        usage.input_tokens = Some(usage.input_tokens.unwrap_or(0).saturating_add(tokens));
    }
    usage
}

/// A transcription, or an event of one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Transcript<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) model: Text<'a>,
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    #[serde(borrow)]
    pub(super) delta: Text<'a>,
    /// The text of an event of vLLM's.
    #[serde(borrow)]
    pub(super) choices: List<Choice<'a>>,
    pub(super) usage: Object<Map<String, Value>>,
    pub(super) error: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Choice<'a> {
    #[serde(borrow)]
    pub(super) delta: Object<Spoken<'a>>,
    #[serde(borrow)]
    pub(super) finish_reason: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Spoken<'a> {
    #[serde(borrow)]
    pub(super) content: Text<'a>,
}
