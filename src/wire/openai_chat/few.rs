use std::marker::PhantomData;

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};

use crate::wire::json::{Object, lenient};

/// An array of objects, mostly of one, which then costs no allocation. Those of its items are left
/// out that are none.
#[derive(Debug)]
pub(super) struct Few<T> {
    first: Option<T>,
    rest: Vec<T>,
    is_array: bool,
}

impl<T> Few<T> {
    /// Whether it is an array, be it an empty one.
    pub(super) fn is_array(&self) -> bool {
        self.is_array
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { first: None, rest: Vec::new(), is_array: false }
    }
}

impl<T> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<std::option::IntoIter<T>, std::vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.rest)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FewVisitor(PhantomData))
    }
}

struct FewVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for FewVisitor<T> {
    type Value = Few<T>;

    lenient!(scalars text map);

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Few<T>, A::Error> {
        let mut few = Few { is_array: true, ..Few::default() };
        while let Some(Object(item)) = seq.next_element()? {
            if few.first.is_none() {
                few.first = item;
            } else {
                few.rest.extend(item);
            }
        }
        Ok(few)
    }
}
