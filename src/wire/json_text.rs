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
pub(in crate::wire) struct JsonText<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for JsonText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonTextVisitor(PhantomData))
    }
}

struct JsonTextVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for JsonTextVisitor<'a> {
    type Value = JsonText<'a>;

    lenient!(scalars numbers seq);

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<JsonText<'a>, E> {
        Ok(JsonText(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<JsonText<'a>, E> {
        Ok(JsonText(Cow::Owned(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<JsonText<'a>, A::Error> {
        let object = Map::deserialize(MapAccessDeserializer::new(map))?;
        // An empty object may mean arguments that follow.
        if object.is_empty() {
            return Ok(JsonText::default());
        }
        Ok(JsonText(Cow::Owned(Value::Object(object).to_string())))
    }
}
