use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};

use crate::wire::{
    json::{Count, List, Many, Object, Text},
    json_text::JsonText,
};

/// Any event of a stream. Flat, since serde buffers a tagged enum until it knows the variant.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Event<'a> {
    #[serde(borrow)]
    pub(super) event_type: Text<'a>,
    #[serde(borrow)]
    pub(super) interaction: Object<Interaction<'a>>,
    #[serde(borrow)]
    pub(super) interaction_id: Text<'a>,
    #[serde(borrow)]
    pub(super) status: Text<'a>,
    /// The position of the step.
    pub(super) index: Count,
    #[serde(borrow)]
    pub(super) step: Object<Step<'a>>,
    #[serde(borrow)]
    pub(super) delta: Object<StepDelta<'a>>,
    pub(super) usage: Object<Map<String, Value>>,
    pub(super) metadata: Object<Metadata>,
}

/// The usage so far, beside an event.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Metadata {
    pub(super) total_usage: Object<Map<String, Value>>,
    pub(super) usage: Object<Map<String, Value>>,
}

/// An interaction as a whole, or what is known of it so far.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Interaction<'a> {
    #[serde(borrow)]
    pub(super) object: Text<'a>,
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) model: Text<'a>,
    #[serde(borrow)]
    pub(super) status: Text<'a>,
    #[serde(borrow)]
    pub(super) steps: List<Step<'a>>,
    /// The steps in the first schema.
    #[serde(borrow)]
    pub(super) outputs: List<Step<'a>>,
    pub(super) usage: Object<Map<String, Value>>,
    #[serde(borrow)]
    pub(super) service_tier: Text<'a>,
    pub(super) error: Option<IgnoredAny>,
}

/// A step, complete or as it begins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Step<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) arguments: JsonText<'a>,
    /// The output of a model.
    #[serde(borrow)]
    pub(super) content: Many<Content<'a>>,
    /// That in the first schema.
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    /// The summary of a thought.
    #[serde(borrow)]
    pub(super) summary: Many<Content<'a>>,
}

/// A part of a content. Of those, only texts have one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Content<'a> {
    #[serde(borrow)]
    pub(super) text: Text<'a>,
}

/// What an event adds to a step.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StepDelta<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    /// Those of a call, in the first schema.
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    /// A part of the summary of a thought.
    #[serde(borrow)]
    pub(super) content: Many<Content<'a>>,
    #[serde(borrow)]
    pub(super) arguments: JsonText<'a>,
}
