use serde::{Deserialize, Deserializer, de::DeserializeSeed};

/// A seed that deserializes into an existing value.
///
/// A value returned by `deserialize` passes through a dozen functions, each of which would move a struct of
/// some hundred bytes.
pub(in crate::wire) struct InPlace<'p, T>(pub(in crate::wire) &'p mut T);

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for InPlace<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        T::deserialize_in_place(deserializer, self.0)
    }
}

/// Implements `Deserialize` for a struct with a lifetime: reads each member of an object into its field, in
/// place. Fields of absent members keep their default. A test of names (`? test => field`) comes last, for a field of many
/// names: each literal costs a comparison for every name that is not read.
macro_rules! in_place {
    ($type:ident { $($($name:literal)|+ => $field:ident,)* $(? $test:path => $tested:ident,)? }) => {
        impl<'de: 'a, 'a> serde::Deserialize<'de> for $type<'a> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let mut place = Self::default();
                Self::deserialize_in_place(deserializer, &mut place)?;
                Ok(place)
            }

            fn deserialize_in_place<D: serde::Deserializer<'de>>(
                deserializer: D,
                place: &mut Self,
            ) -> Result<(), D::Error> {
                #[allow(non_camel_case_types)]
                enum Name {
                    $($field,)*
                    $($tested,)?
                    Other,
                }

                impl<'de> serde::Deserialize<'de> for Name {
                    fn deserialize<D: serde::Deserializer<'de>>(name: D) -> Result<Self, D::Error> {
                        name.deserialize_identifier(NameVisitor)
                    }
                }

                struct NameVisitor;

                impl serde::de::Visitor<'_> for NameVisitor {
                    type Value = Name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("the name of a member")
                    }

                    fn visit_str<E>(self, name: &str) -> Result<Name, E> {
                        Ok(match name {
                            $($($name)|+ => Name::$field,)*
                            $(name if $test(name) => Name::$tested,)?
                            _ => Name::Other,
                        })
                    }
                }

                struct Members<'p, 'a>(&'p mut $type<'a>);

                impl<'de: 'a, 'a> serde::de::Visitor<'de> for Members<'_, 'a> {
                    type Value = ();

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> Result<(), A::Error> {
                        while let Some(name) = map.next_key()? {
                            match name {
                                $(Name::$field => {
                                    map.next_value_seed($crate::wire::json::InPlace(&mut self.0.$field))?;
                                })*
                                $(Name::$tested => {
                                    map.next_value_seed($crate::wire::json::InPlace(&mut self.0.$tested))?;
                                })?
                                Name::Other => {
                                    map.next_value::<serde::de::IgnoredAny>()?;
                                }
                            }
                        }
                        Ok(())
                    }
                }

                deserializer.deserialize_map(Members(place))
            }
        }
    };
}

pub(in crate::wire) use in_place;
