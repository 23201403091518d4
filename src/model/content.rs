use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::chat::ModelError;

/// A part of a message, in a provider's form.
pub(super) trait ProviderPart: Serialize {
    /// Returns the text if the part is only text.
    fn text(&self) -> Option<&str>;

    /// Creates a part of its whole JSON form.
    fn whole(value: Value) -> Self;
}

/// The content of a message. A single text is serialized as a string, other content as an array.
#[derive(Debug)]
pub(super) struct Content<P>(pub(super) Vec<P>);

impl<P> Default for Content<P> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<P: ProviderPart> Content<P> {
    /// Adds a member to the last part: the mark of a prefix that is cached.
    pub(super) fn mark(&mut self, name: &str, mark: Value) -> Result<(), ModelError> {
        match self.0.pop().and_then(|part| serde_json::to_value(part).ok()) {
            Some(Value::Object(mut members)) => {
                members.insert(name.to_owned(), mark);
                self.0.push(P::whole(members.into()));
                Ok(())
            }
            _ => Err(ModelError::invalid("a cache point must follow content of its message")),
        }
    }
}

impl<P: ProviderPart> Serialize for Content<P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let [part] = &self.0[..]
            && let Some(text) = part.text()
        {
            return serializer.serialize_str(text);
        }
        self.0.serialize(serializer)
    }
}
