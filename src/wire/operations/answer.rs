use std::borrow::Cow;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};

use super::part::Part;
use crate::{
    event::{Delta, Usage},
    wire::{
        json::{List, Object, Text},
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
    /// SiliconFlow's pictures.
    images: Option<Part>,
    embeddings: Option<Part>,
    embedding: Option<Part>,
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
    // What Ollama, watsonx and DeepInfra have in place of a usage object.
    prompt_eval_count: Value,
    total_duration: Value,
    load_duration: Value,
    input_token_count: Value,
    input_tokens: Value,
    inference_status: Value,
    pub(super) error: Option<IgnoredAny>,
}

impl Answer<'_> {
    /// Returns the outputs; `None` if this is no answer.
    pub(super) fn outputs(&self) -> Option<&Part> {
        let members = [
            &self.data,
            &self.images,
            &self.embeddings,
            &self.embedding,
            &self.results,
            &self.predictions,
        ];
        let found = members.into_iter().flatten().next();
        // A piece of sound has a type.
        let sound = || [&self.audio_data, &self.audio].into_iter().flatten().next();
        let found = found.or_else(|| sound().filter(|_| self.kind.as_deref().is_none()));
        found.or_else(|| self.output.0.as_ref()?.outputs())
    }

    /// Emits the usage, if the answer has any.
    pub(super) fn usage(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        let objects =
            [&mut self.usage, &mut self.usage_metadata, &mut self.meta, &mut self.metadata];
        let object = objects.into_iter().find_map(|object| object.0.take());
        let raw = object.or_else(|| self.loose());
        let raw = raw.filter(|raw| raw.values().any(|value| !value.is_null()));
        let mut usage = raw.as_ref().map(counts).unwrap_or_default();
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
            ("inference_status", &mut self.inference_status),
        ];
        let sent = members.into_iter().filter(|(_, value)| !value.is_null());
        let raw: Map<String, Value> =
            sent.map(|(name, value)| (name.to_owned(), value.take())).collect();
        (!raw.is_empty()).then_some(raw)
    }
}

/// Reads counts. Cohere has two of them: what the model has read counts, or else what is billed.
fn counts(raw: &Map<String, Value>) -> Usage {
    let nested = |name: &str| Some(usage::read(raw.get(name)?.as_object()?));
    let all = [Some(usage::read(raw)), nested("tokens"), nested("billed_units")];
    all.into_iter().flatten().find(Usage::is_known).unwrap_or_default()
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
