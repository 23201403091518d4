use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{
    element::Element,
    skim::{BASE64, NUMBERS},
};
use crate::wire::json::{Count, Text};

/// The most verdicts that are kept.
const MAX_FLAGS: usize = 4096;

/// What a value says of inputs or outputs, as far as that counts: how many they are, and how long the vectors.
#[derive(Debug, Clone, Default)]
pub(super) struct Part {
    pub(super) kind: Kind,
    /// The vector that was found first.
    width: Option<Width>,
    /// The sum of the tokens that stand beside each vector.
    pub(super) tokens: Option<u64>,
    /// The verdicts on the inputs of a moderation.
    pub(super) flagged: Vec<bool>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// Null, or a boolean.
    #[default]
    Nothing,
    Number,
    Text,
    /// An array of numbers: one vector, or one text in tokens.
    Vector,
    /// An array of other values, each of which counts.
    Many(u64),
    Object {
        /// The items of a list within the object.
        inner: Option<u64>,
        /// A filter has removed the output.
        removed: bool,
    },
}

/// The length of a vector, as it is sent.
#[derive(Debug, Clone, Copy)]
enum Width {
    Numbers(u64),
    /// The characters of Base64 without padding.
    Base64(u64),
    /// The numbers of a vector of this element, whatever was requested.
    Of(Element, u64),
}

impl Part {
    /// Returns how many inputs or outputs there are.
    pub(super) fn count(&self) -> u64 {
        match self.kind {
            Kind::Nothing | Kind::Object { removed: true, .. } => 0,
            Kind::Many(count) | Kind::Object { inner: Some(count), .. } => count,
            Kind::Number | Kind::Text | Kind::Vector | Kind::Object { .. } => 1,
        }
    }

    /// Returns the dimensions of the vectors, whose numbers are of a type.
    pub(super) fn dimensions(&self, element: Element) -> Option<u32> {
        let dimensions = match self.width? {
            Width::Numbers(count) => element.of_numbers(count),
            Width::Base64(length) => element.of_base64(length),
            Width::Of(element, count) => element.of_numbers(count),
        };
        u32::try_from(dimensions).ok()
    }

    fn vector(width: Width) -> Self {
        Self { kind: Kind::Vector, width: Some(width), ..Self::default() }
    }

    fn text(length: u64) -> Self {
        Self { kind: Kind::Text, ..Self::vector(Width::Base64(length)) }
    }

    /// Adds what an item or a member says of vectors.
    fn note(&mut self, part: &Self) {
        self.width = self.width.or(part.width);
        if let Some(tokens) = part.tokens {
            self.tokens = Some(self.tokens.unwrap_or(0).saturating_add(tokens));
        }
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PartVisitor)
    }
}

struct PartVisitor;

impl<'de> Visitor<'de> for PartVisitor {
    type Value = Part;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Part, E> {
        Ok(Part::default())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Part, E> {
        Ok(Part::default())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Part, E> {
        Ok(Part { kind: Kind::Number, ..Part::default() })
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Part, E> {
        self.visit_i64(0)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Part, E> {
        self.visit_i64(0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Part, E> {
        let length = text.trim_end_matches('=').len() as u64;
        Ok(Part::text(length))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Part, A::Error> {
        let mut all = Part { kind: Kind::Many(0), ..Part::default() };
        let (mut length, mut count, mut numbers) = (0_u64, 0_u64, 0_u64);
        while let Some(mut part) = seq.next_element::<Part>()? {
            all.note(&part);
            let room = MAX_FLAGS - all.flagged.len();
            all.flagged.extend(part.flagged.drain(..).take(room));
            length += 1;
            count += match part.kind {
                Kind::Object { .. } | Kind::Nothing => part.count(),
                _ => 1,
            };
            numbers += u64::from(part.kind == Kind::Number);
        }
        if numbers > 0 {
            return Ok(Part::vector(Width::Numbers(length)));
        }
        all.kind = Kind::Many(count);
        Ok(all)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Part, A::Error> {
        let mut object = Part::default();
        let (mut inner, mut removed) = (None, false);
        while let Some(name) = map.next_key::<Text<'de>>()? {
            match name.as_deref().unwrap_or_default() {
                NUMBERS => {
                    let Count(length) = map.next_value()?;
                    return skipped(map, Part::vector(Width::Numbers(length.unwrap_or(0))));
                }
                BASE64 => {
                    let Count(length) = map.next_value()?;
                    return skipped(map, Part::text(length.unwrap_or(0)));
                }
                "embedding" | "embeddings" | "values" | "vector" | "textEmbedding"
                | "imageEmbedding" => object.note(&map.next_value()?),
                // Vertex has the tokens of each vector, beside it.
                "statistics" => object.note(&map.next_value()?),
                "token_count" | "tokenCount" => {
                    let Count(tokens) = map.next_value()?;
                    object.tokens = tokens.or(object.tokens);
                }
                // A list within a list, such as the chunks of a document, and the parts of a video.
                "data" | "videoEmbeddings" => {
                    let part: Part = map.next_value()?;
                    if let Kind::Many(count) = part.kind {
                        inner = Some(count);
                        object.note(&part);
                    }
                }
                "flagged" => {
                    // Each verdict is at the place of its input.
                    object.flagged.push(map.next_value::<serde_json::Value>()? == true);
                }
                // Stability's pictures that are blurred.
                "finishReason" => {
                    let reason = map.next_value::<Text<'de>>()?;
                    removed |= reason.as_deref() == Some("CONTENT_FILTERED");
                }
                "raiFilteredReason" => {
                    map.next_value::<IgnoredAny>()?;
                    removed = true;
                }
                // Cohere groups vectors by the types of their numbers.
                name => match Element::named(name) {
                    Some(element) => {
                        let part: Part = map.next_value()?;
                        // Titan, which has one vector, has a number for each bit.
                        let element = match part.kind {
                            Kind::Vector => Element::Byte,
                            _ => element,
                        };
                        if let Kind::Many(count) = part.kind {
                            inner = inner.or(Some(count));
                        }
                        object.width = object.width.or(match part.width {
                            Some(Width::Numbers(count)) => Some(Width::Of(element, count)),
                            width => width,
                        });
                    }
                    None => {
                        map.next_value::<IgnoredAny>()?;
                    }
                },
            }
        }
        object.kind = Kind::Object { inner, removed };
        Ok(object)
    }
}

/// Reads the rest of an object whose members do not count.
fn skipped<'de, A: MapAccess<'de>>(mut map: A, part: Part) -> Result<Part, A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(part)
}
