use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::lenient;

/// An object; `None` if the value is not an object.
#[derive(Debug)]
pub(in crate::wire) struct Object<T>(pub(in crate::wire) Option<T>);

impl<T> Default for Object<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Default + Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut place = Self::default();
        Self::deserialize_in_place(deserializer, &mut place)?;
        Ok(place)
    }

    fn deserialize_in_place<D: Deserializer<'de>>(
        deserializer: D,
        place: &mut Self,
    ) -> Result<(), D::Error> {
        place.0 = None;
        deserializer.deserialize_any(ObjectVisitor(&mut place.0))
    }
}

struct ObjectVisitor<'p, T>(&'p mut Option<T>);

impl<'de, T: Default + Deserialize<'de>> Visitor<'de> for ObjectVisitor<'_, T> {
    type Value = ();

    lenient!(scalars numbers text seq);

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let place = self.0.insert(T::default());
        T::deserialize_in_place(MapAccessDeserializer::new(map), place)
    }
}
