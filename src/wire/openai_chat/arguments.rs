use std::{borrow::Cow, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::{Map, Value};

use crate::wire::json::lenient;

/// The arguments of a tool call, or a fragment: a JSON text. An object, which some servers send instead, is
/// serialized.
#[derive(Debug, Default)]
pub(super) struct Arguments<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Arguments<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ArgumentsVisitor(PhantomData))
    }
}

struct ArgumentsVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for ArgumentsVisitor<'a> {
    type Value = Arguments<'a>;

    lenient!(scalars seq);

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Arguments<'a>, E> {
        Ok(Arguments(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Arguments<'a>, E> {
        Ok(Arguments(Cow::Owned(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Arguments<'a>, A::Error> {
        let object = Map::deserialize(MapAccessDeserializer::new(map))?;
        // An empty object may mean arguments that follow.
        if object.is_empty() {
            return Ok(Arguments::default());
        }
        Ok(Arguments(Cow::Owned(Value::Object(object).to_string())))
    }
}
