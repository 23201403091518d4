use std::marker::PhantomData;

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};

use super::{Object, lenient};

/// An array of objects. Items that are not objects are skipped; `None` if the value is not an array.
#[derive(Debug)]
pub(in crate::wire) struct List<T>(pub(in crate::wire) Option<Vec<T>>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Default + Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Default + Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;

    lenient!(scalars numbers text map);

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<List<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(Object(item)) = seq.next_element()? {
            list.extend(item);
        }
        Ok(List(Some(list)))
    }
}
