use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};

use crate::wire::json::{InPlace, Object, lenient};

/// An array of objects that stores the first one inline, without an allocation. Items that are not objects are
/// skipped.
#[derive(Debug)]
pub(super) struct InlineVec1<T> {
    first: Object<T>,
    rest: Vec<T>,
    is_array: bool,
}

impl<T> InlineVec1<T> {
    /// Creates an array of one object.
    pub(super) fn one(item: T) -> Self {
        Self { first: Object(Some(item)), rest: Vec::new(), is_array: true }
    }

    /// Returns whether the value was an array, possibly an empty one.
    pub(super) fn is_array(&self) -> bool {
        self.is_array
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.0.is_none()
    }

    /// Iterates over the objects where they are: they may be large.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.first.0.iter_mut().chain(&mut self.rest)
    }
}

impl<T> Default for InlineVec1<T> {
    fn default() -> Self {
        Self { first: Object(None), rest: Vec::new(), is_array: false }
    }
}

impl<'de, T: Default + Deserialize<'de>> Deserialize<'de> for InlineVec1<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut place = Self::default();
        Self::deserialize_in_place(deserializer, &mut place)?;
        Ok(place)
    }

    fn deserialize_in_place<D: Deserializer<'de>>(
        deserializer: D,
        place: &mut Self,
    ) -> Result<(), D::Error> {
        *place = Self::default();
        deserializer.deserialize_any(InlineVec1Visitor(place))
    }
}

struct InlineVec1Visitor<'p, T>(&'p mut InlineVec1<T>);

impl<'de, T: Default + Deserialize<'de>> Visitor<'de> for InlineVec1Visitor<'_, T> {
    type Value = ();

    lenient!(scalars numbers text map);

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let InlineVec1 { first, rest, is_array } = self.0;
        *is_array = true;
        while first.0.is_none() {
            if seq.next_element_seed(InPlace(first))?.is_none() {
                return Ok(());
            }
        }
        while let Some(Object(item)) = seq.next_element()? {
            rest.extend(item);
        }
        Ok(())
    }
}
