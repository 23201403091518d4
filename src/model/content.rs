use serde::{Serialize, Serializer};

/// A part of a message, in a provider's form.
pub(super) trait Part: Serialize {
    /// Its text, if that is all that it is.
    fn text(&self) -> Option<&str>;
}

/// Parts as content: a single text is a plain string.
#[derive(Debug)]
pub(super) struct Content<P>(pub(super) Vec<P>);

impl<P> Default for Content<P> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<P: Part> Serialize for Content<P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let [part] = &self.0[..]
            && let Some(text) = part.text()
        {
            return serializer.serialize_str(text);
        }
        self.0.serialize(serializer)
    }
}
