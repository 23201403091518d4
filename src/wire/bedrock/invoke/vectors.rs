//! Answers that are no text: vectors, ranked documents, images.

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

use crate::{
    event::Delta,
    wire::{
        error::said,
        json::{self, ReadError, Text, in_place},
        outputs, usage,
    },
};

/// The member in which Titan has the tokens of its input.
const TOKENS: &str = "inputTextTokenCount";

/// An answer, without what is in it.
#[derive(Debug, Default)]
struct Answer<'a> {
    id: Text<'a>,
    outputs: Outputs,
    tokens: Value,
    error: Option<IgnoredAny>,
}

in_place! {
    Answer {
        "id" => id,
        "embedding" | "embeddings" | "embeddingsByType" | "results" | "images" | "artifacts" => outputs,
        "inputTextTokenCount" => tokens,
        "error" => error,
    }
}

/// Reads an answer, and emits its outputs themselves if a handler is to have them.
pub(super) fn read(
    json: &str,
    emits: bool,
    each: &mut dyn FnMut(Delta<'_>),
) -> Result<(), ReadError> {
    let answer: Answer<'_> = json::read(json)?;
    let Outputs { count, dimensions, .. } = answer.outputs;
    if answer.error.is_some()
        && let Some(error) = said(json, count > 0)
    {
        each(Delta::Error(error));
        return Ok(());
    }
    each(Delta::NotStreamed);
    if let Some(id) = answer.id.filled() {
        each(Delta::Response { id: Some(id), model: None });
    }
    each(Delta::Outputs { count, dimensions });
    if emits {
        outputs::emit(json, each);
    }
    usage::emit(Map::from_iter([(TOKENS.to_owned(), answer.tokens)]), None, each);
    each(Delta::Done);
    Ok(())
}

/// How many outputs a value has: a vector, a list of vectors or of other outputs, or such lists by the type of their numbers.
#[derive(Debug, Default, Clone, Copy)]
struct Outputs {
    count: u64,
    dimensions: Option<u32>,
    is_number: bool,
}

impl Outputs {
    const ONE: Self = Self { count: 1, dimensions: None, is_number: false };
    const NUMBER: Self = Self { count: 0, dimensions: None, is_number: true };
}

impl<'de> Deserialize<'de> for Outputs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OutputsVisitor)
    }
}

struct OutputsVisitor;

impl<'de> Visitor<'de> for OutputsVisitor {
    type Value = Outputs;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Outputs, E> {
        Ok(Outputs::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Outputs, E> {
        Ok(Outputs::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Outputs, E> {
        Ok(Outputs::NUMBER)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Outputs, E> {
        Ok(Outputs::NUMBER)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Outputs, E> {
        Ok(Outputs::NUMBER)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Outputs, E> {
        Ok(Outputs::ONE)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Outputs, A::Error> {
        let (mut all, mut numbers) = (Outputs::default(), 0_u32);
        while let Some(item) = seq.next_element::<Outputs>()? {
            numbers = numbers.saturating_add(item.is_number.into());
            all.count = all.count.saturating_add(item.count);
            all.dimensions = all.dimensions.or(item.dimensions);
        }
        Ok(match (all.count, numbers) {
            (0, 1..) => Outputs { dimensions: Some(numbers), ..Outputs::ONE },
            _ => all,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Outputs, A::Error> {
        let mut found = Outputs::ONE;
        while let Some((_, value)) = map.next_entry::<IgnoredAny, Outputs>()? {
            // The same vectors may stand under several types.
            if found.dimensions.is_none()
                && (value.dimensions.is_some() || value.count > found.count)
            {
                found = value;
            }
        }
        Ok(found)
    }
}
