use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};
use serde_json::Value;

use super::lenient;

/// A count or an index, however it is written: `3`, `3.0` or `"3"`. `None` if the value is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::wire) struct Count(pub(in crate::wire) Option<u64>);

impl Count {
    /// Reads a count from a value.
    pub(in crate::wire) fn of(value: &Value) -> Option<u64> {
        match value {
            Value::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
            Value::String(text) => parse(text),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountVisitor)
    }
}

struct CountVisitor;

impl<'de> Visitor<'de> for CountVisitor {
    type Value = Count;

    lenient!(scalars seq map);

    fn visit_i64<E: Error>(self, count: i64) -> Result<Count, E> {
        Ok(Count(u64::try_from(count).ok()))
    }

    fn visit_u64<E: Error>(self, count: u64) -> Result<Count, E> {
        Ok(Count(Some(count)))
    }

    fn visit_f64<E: Error>(self, count: f64) -> Result<Count, E> {
        Ok(Count(whole(count)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Count, E> {
        Ok(Count(parse(text)))
    }
}

fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    text.parse().ok().or_else(|| whole(text.parse().ok()?))
}

fn whole(number: f64) -> Option<u64> {
    // Beyond 2^53 a number with a point is no count.
    let is_count = (0.0..=9_007_199_254_740_992.0).contains(&number) && number.fract() == 0.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
    is_count.then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Count;

    #[test]
    fn counts_are_read_however_they_are_written() {
        let cases = [
            (json!(3), Some(3)),
            (json!(3.0), Some(3)),
            (json!("3"), Some(3)),
            (json!(" 3.0 "), Some(3)),
            (json!(u64::MAX), Some(u64::MAX)),
            (json!(-1), None),
            (json!(-1.0), None),
            (json!(1e300), None),
            (json!(0.5), None),
            (json!("three"), None),
            (json!("NaN"), None),
            (json!(true), None),
            (Value::Null, None),
            (json!([3]), None),
            (json!({"a": 3}), None),
        ];
        for (value, expected) in cases {
            assert_eq!(Count::of(&value), expected, "{value}");
            let read: Count = serde_json::from_str(&value.to_string()).unwrap();
            assert_eq!(read, Count(expected), "{value}");
        }
    }
}
