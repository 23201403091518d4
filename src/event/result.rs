use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{Choice, HttpResponseInfo, LlmStart, RunCost, Usage};

/// The result of a model call: the payload of `on_llm_end`, and of the ends of calls of other models, such as
/// `on_embedding_end`.
///
/// [`RunError::result`](super::RunError::result) returns the partial result of a run that ended early.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LlmResult {
    /// What was requested: the payload of the run's start event, shared with it. A handler of ends needs no other event.
    /// `None` in the result of an [`Accumulator`](super::Accumulator), which does not know it.
    ///
    /// Serialises without the prompt and the parameters, which the record of the start has: as `provider`, `api`, `model`
    /// and `stream`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "without_content")]
    pub request: Option<Arc<LlmStart>>,
    /// The model that answered, as the provider names it.
    pub model: Option<Arc<str>>,
    /// The provider's id of the answer.
    pub response_id: Option<Arc<str>>,
    /// OpenAI's fingerprint of the system that generated the answer. Answers to the same request with the same seed may
    /// differ where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_fingerprint: Option<Arc<str>>,
    /// Whether the answer was streamed. An answer that arrived whole has no token events.
    pub streamed: bool,
    /// The choices that were seen, by index.
    pub choices: Vec<Choice>,
    /// The number of outputs of a call that generates no text: vectors, ranked documents, images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outputs: Option<u64>,
    /// The dimensions of the vectors of an embedding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<u32>,
    /// The outputs themselves, as the provider sends them: vectors, pictures, ranked documents. Empty unless the layer
    /// [captures them](crate::HttpCallbackLayer::capture_outputs).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub output: Vec<Value>,
    /// Whether each input of a moderation was flagged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flagged: Option<Vec<bool>>,
    /// The token counts, and [how](super::UsageSources) they are known: reported by the provider, or
    /// [estimated](crate::estimate). `None` if nothing is known, as of a call that was refused or that never reached the
    /// provider.
    pub usage: Option<Usage>,
    /// The provider's own usage object.
    pub usage_raw: Option<Value>,
    /// What the call cost: by the layer's [prices](crate::CallbackLayer::prices), or as the provider
    /// [reported](super::PricedCall::reported_cost) it. `None` if the layer has no prices or none for the model, or if it is
    /// not known how many tokens were used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<RunCost>,
    /// The number of the run's token events.
    pub tokens: u64,
    /// The number of token events that the handler did not receive because its queue was full. The only field that may
    /// differ from handler to handler.
    pub dropped_tokens: u64,
    /// The time from the inner call to the first content. `None` if no content was streamed.
    #[serde(
        rename = "time_to_first_token_ms",
        serialize_with = "optional_milliseconds",
        deserialize_with = "read_optional_milliseconds"
    )]
    pub time_to_first_token: Option<Duration>,
    /// The time from the inner call to the end of the answer: to the end mark, or to the last finish reason of an answer
    /// that stops there, or to the error or the drop. What handlers do before and after it is not part of it, nor the time
    /// in which they held up a stream whose next item was there already. Zero if no call was made.
    #[serde(
        rename = "duration_ms",
        serialize_with = "milliseconds",
        deserialize_with = "read_milliseconds"
    )]
    pub duration: Duration,
    /// The number of parts of the answer that could not be decoded and were skipped.
    pub decode_faults: u64,
    /// Whether the run only fetched an answer that another call has generated. It has usage only if no other run has
    /// reported it: what that is more than the estimate of the run whose stream was cut, if there was one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub fetched: bool,
    /// Whether the answer came from a cache, which has [marked](crate::Run::set_cached) it. Then nothing was charged, and
    /// the usage and the cost are `None`, also if the cache repeats the usage of the call that it remembers.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cached: bool,
    /// Whether the answer, or the rest of it, was not decoded, because its content coding was unknown or invalid, or
    /// because it exceeded the layer's bound.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub decode_skipped: bool,
    /// The HTTP response, if an HTTP layer observed the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<Box<HttpResponseInfo>>,
}

impl LlmResult {
    /// Returns the text of the first choice. Empty if there is no choice.
    pub fn text(&self) -> &str {
        self.choices.first().map_or("", |choice| &choice.text)
    }

    /// Returns the choice with an index.
    pub fn choice(&self, index: u32) -> Option<&Choice> {
        self.choices.iter().find(|choice| choice.index == index)
    }
}

fn without_content<S: Serializer>(
    request: &Option<Arc<LlmStart>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Request<'a> {
        provider: &'a str,
        api: &'a str,
        model: Option<&'a str>,
        stream: bool,
    }
    let request = request.as_deref().map(|start| Request {
        provider: &start.provider,
        api: &start.api,
        model: start.model.as_deref(),
        stream: start.stream,
    });
    request.serialize(serializer)
}

pub(super) fn milliseconds<S: Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64() * 1e3)
}

fn optional_milliseconds<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => milliseconds(duration, serializer),
        None => serializer.serialize_none(),
    }
}

/// Missing or invalid durations read as zero; records are untrusted input.
pub(super) fn read_milliseconds<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    Ok(read_optional_milliseconds(from)?.unwrap_or_default())
}

pub(super) fn read_optional_milliseconds<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Duration>, D::Error> {
    let milliseconds = Option::<f64>::deserialize(from)?;
    Ok(milliseconds.and_then(|ms| Duration::try_from_secs_f64(ms / 1e3).ok()))
}
