use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};

use crate::wire::base64;

/// A vector: a list of numbers, or the bytes of them in Base64, the lowest first.
#[derive(Debug)]
pub(in crate::model) struct Vector(pub(in crate::model) Vec<f32>);

impl<'de> Deserialize<'de> for Vector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Numbers;

        impl<'de> Visitor<'de> for Numbers {
            type Value = Vector;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a vector of numbers, or of their bytes in Base64")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vector, A::Error> {
                let mut numbers = Vec::new();
                while let Some(number) = items.next_element()? {
                    numbers.push(number);
                }
                Ok(Vector(numbers))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Vector, E> {
                let bytes = base64::decoded(text).filter(|bytes| bytes.len() % 4 == 0);
                let bytes = bytes.ok_or_else(|| E::custom("a vector is no Base64 of numbers"))?;
                let number =
                    |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                Ok(Vector(bytes.chunks_exact(4).map(number).collect()))
            }
        }

        deserializer.deserialize_any(Numbers)
    }
}
