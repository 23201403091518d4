use serde::{Serialize, Serializer};

/// A part of a message, in a provider's form.
pub(super) trait ProviderPart: Serialize {
    /// Returns the text if the part is only text.
    fn text(&self) -> Option<&str>;
}

/// The content of a message. A single text is serialized as a string, other content as an array.
#[derive(Debug)]
pub(super) struct Content<P>(pub(super) Vec<P>);

impl<P> Default for Content<P> {
    fn default() -> Self {
        Self(Vec::new())
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
