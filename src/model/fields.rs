use serde::{Serialize, Serializer as _, ser::SerializeMap};
use serde_json::{Map, Result, Serializer, Value};

use crate::chat::ModelError;

/// Returns a request's body: the fields that a closure sets, then the parameters.
pub(super) fn body(
    params: &Map<String, Value>,
    set: impl FnOnce(&mut Fields<'_>) -> Result<()>,
) -> std::result::Result<Vec<u8>, ModelError> {
    let mut json = Serializer::new(Vec::new());
    let write = || {
        let map = json.serialize_map(None)?;
        let mut fields = Fields { map, params, merged: Vec::new() };
        set(&mut fields)?;
        fields.end()
    };
    write().map_err(|_| ModelError::invalid("not serializable to JSON"))?;
    Ok(json.into_inner())
}

/// The fields of a request's body. Parameters take precedence over fields of the same name.
pub(super) struct Fields<'a> {
    map: <&'a mut Serializer<Vec<u8>> as serde::Serializer>::SerializeMap,
    params: &'a Map<String, Value>,
    /// The parameters that were written with other members.
    merged: Vec<&'static str>,
}

impl Fields<'_> {
    pub(super) fn set(&mut self, name: &str, value: Option<impl Serialize>) -> Result<()> {
        match value {
            Some(value) if !self.params.contains_key(name) => {
                self.map.serialize_entry(name, &value)
            }
            _ => Ok(()),
        }
    }

    /// Like [`set`](Self::set), unless the list is empty.
    pub(super) fn list<T: Serialize>(&mut self, name: &str, items: &[T]) -> Result<()> {
        self.set(name, Some(items).filter(|items| !items.is_empty()))
    }

    /// Like [`set`](Self::set), for an object of settings, unless it is empty. Members of a parameter are added to it.
    pub(super) fn merge(
        &mut self,
        name: &'static str,
        mut members: Map<String, Value>,
    ) -> Result<()> {
        if let Some(Value::Object(more)) = self.params.get(name) {
            overlay(&mut members, more);
            self.merged.push(name);
            return self.map.serialize_entry(name, &members);
        }
        self.set(name, Some(&members).filter(|members| !members.is_empty()))
    }

    /// Adds the parameters and ends the body.
    fn end(mut self) -> Result<()> {
        for (name, value) in self.params {
            if self.merged.contains(&&**name) {
                continue;
            }
            self.map.serialize_entry(name, value)?;
        }
        self.map.end()
    }
}

fn overlay(members: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (name, value) in more {
        match (members.get_mut(name), value) {
            (Some(Value::Object(members)), Value::Object(more)) => overlay(members, more),
            _ => drop(members.insert(name.clone(), value.clone())),
        }
    }
}

/// Sets a member of a parameter that is an object.
pub(super) fn member(params: &mut Map<String, Value>, of: &str, name: String, value: Value) {
    let members = params.entry(of).or_insert_with(|| Map::new().into());
    match members {
        Value::Object(members) => drop(members.insert(name, value)),
        other => *other = Map::from_iter([(name, value)]).into(),
    }
}
