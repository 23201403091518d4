use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};

use crate::wire::json::{Object, Place, lenient};

/// An array of objects, mostly of one, which then costs no allocation. Those of its items are left
/// out that are none.
#[derive(Debug)]
pub(super) struct Few<T> {
    first: Object<T>,
    rest: Vec<T>,
    is_array: bool,
}

impl<T> Few<T> {
    /// Whether it is an array, be it an empty one.
    pub(super) fn is_array(&self) -> bool {
        self.is_array
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.0.is_none()
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { first: Object(None), rest: Vec::new(), is_array: false }
    }
}

impl<T> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<std::option::IntoIter<T>, std::vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.0.into_iter().chain(self.rest)
    }
}

impl<'de, T: Default + Deserialize<'de>> Deserialize<'de> for Few<T> {
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
        deserializer.deserialize_any(FewVisitor(place))
    }
}

struct FewVisitor<'p, T>(&'p mut Few<T>);

impl<'de, T: Default + Deserialize<'de>> Visitor<'de> for FewVisitor<'_, T> {
    type Value = ();

    lenient!(scalars text map);

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Few { first, rest, is_array } = self.0;
        *is_array = true;
        while first.0.is_none() {
            if seq.next_element_seed(Place(first))?.is_none() {
                return Ok(());
            }
        }
        while let Some(Object(item)) = seq.next_element()? {
            rest.extend(item);
        }
        Ok(())
    }
}
