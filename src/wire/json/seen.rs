use serde::{Deserialize, Deserializer, de::IgnoredAny};

/// Whether one of the members that are read into it is there, and not null.
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::wire) struct Seen(pub(in crate::wire) bool);

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::<IgnoredAny>::deserialize(deserializer)?.is_some()))
    }

    fn deserialize_in_place<D: Deserializer<'de>>(
        deserializer: D,
        place: &mut Self,
    ) -> Result<(), D::Error> {
        place.0 |= Self::deserialize(deserializer)?.0;
        Ok(())
    }
}
