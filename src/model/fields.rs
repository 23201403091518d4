use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

use crate::chat::ModelError;

/// The fields of a request's body. Parameters take precedence over fields of the same name.
pub(super) struct Fields<'a, M> {
    map: M,
    params: &'a Map<String, Value>,
}

impl<'a, M: SerializeMap> Fields<'a, M> {
    pub(super) fn new<S>(serializer: S, params: &'a Map<String, Value>) -> Result<Self, S::Error>
    where
        S: Serializer<SerializeMap = M>,
    {
        Ok(Self { map: serializer.serialize_map(None)?, params })
    }

    pub(super) fn set(
        &mut self,
        name: &str,
        value: Option<impl Serialize>,
    ) -> Result<(), M::Error> {
        match value {
            Some(value) if !self.params.contains_key(name) => {
                self.map.serialize_entry(name, &value)
            }
            _ => Ok(()),
        }
    }

    /// Like [`set`](Self::set), unless the list is empty.
    pub(super) fn list<T: Serialize>(&mut self, name: &str, items: &[T]) -> Result<(), M::Error> {
        self.set(name, Some(items).filter(|items| !items.is_empty()))
    }

    /// Adds the parameters and ends the body.
    pub(super) fn end(mut self) -> Result<M::Ok, M::Error> {
        for (name, value) in self.params {
            self.map.serialize_entry(name, value)?;
        }
        self.map.end()
    }
}

pub(super) fn write(body: &impl Serialize) -> Result<Vec<u8>, ModelError> {
    serde_json::to_vec(body).map_err(|_| ModelError::invalid("not serializable to JSON"))
}
