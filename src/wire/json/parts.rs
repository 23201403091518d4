use std::marker::PhantomData;

use serde::{
    Deserialize, Deserializer,
    de::{
        Error, IntoDeserializer, MapAccess, SeqAccess, Visitor,
        value::{BorrowedStrDeserializer, MapAccessDeserializer},
    },
};

use super::{Text, lenient};

/// The parts of a content: an array of objects and texts, one object, or one text, as some proxies send it. Other
/// items are skipped; `None` if the value is something else.
#[derive(Debug)]
pub(in crate::wire) struct Parts<T>(pub(in crate::wire) Option<Vec<T>>);

/// A part, which may be a text alone.
pub(in crate::wire) trait TextPart<'de>: Default + Deserialize<'de> {
    fn of_text(text: Text<'de>) -> Self;
}

impl<T> Default for Parts<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: TextPart<'de>> Deserialize<'de> for Parts<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PartsVisitor(PhantomData))
    }
}

struct PartsVisitor<T>(PhantomData<T>);

impl<'de, T: TextPart<'de>> Visitor<'de> for PartsVisitor<T> {
    type Value = Parts<T>;

    lenient!(scalars numbers);

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Parts<T>, E> {
        let text = Text::deserialize(BorrowedStrDeserializer::new(text))?;
        Ok(Parts(Some(vec![T::of_text(text)])))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Parts<T>, E> {
        let text = Text::deserialize(text.into_deserializer())?;
        Ok(Parts(Some(vec![T::of_text(text)])))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Parts<T>, A::Error> {
        Ok(Parts(Some(vec![T::deserialize(MapAccessDeserializer::new(map))?])))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Parts<T>, A::Error> {
        let mut parts = Vec::new();
        while let Some(Parts(part)) = seq.next_element()? {
            parts.extend(part.into_iter().flatten());
        }
        Ok(Parts(Some(parts)))
    }
}
