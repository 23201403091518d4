use std::{borrow::Cow, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor, value::SeqAccessDeserializer},
};

use crate::wire::json::{List, Text, lenient};

/// The content of a message: a text, or parts, as Mistral's reasoning models have it.
#[derive(Debug, Default)]
pub(super) enum Content<'a> {
    #[default]
    None,
    Text(Cow<'a, str>),
    Parts(Vec<Part<'a>>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Part<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    #[serde(borrow)]
    pub(super) thinking: Content<'a>,
}

impl<'a> Content<'a> {
    /// Tells the pieces of it that are not empty, and whether each is reasoning.
    pub(super) fn each(self, reasoning: bool, each: &mut dyn FnMut(bool, Cow<'a, str>)) {
        match self {
            Self::None => {}
            Self::Text(text) => {
                if !text.is_empty() {
                    each(reasoning, text);
                }
            }
            Self::Parts(parts) => {
                for part in parts {
                    match part.kind.as_deref() {
                        Some("thinking") => part.thinking.each(true, each),
                        Some("text") | None => {
                            if let Some(text) = part.text.filled() {
                                each(reasoning, text);
                            }
                        }
                        // References, images …
                        _ => {}
                    }
                }
            }
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor(PhantomData))
    }
}

struct ContentVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for ContentVisitor<'a> {
    type Value = Content<'a>;

    lenient!(scalars map);

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Content<'a>, E> {
        Ok(Content::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Content<'a>, E> {
        Ok(Content::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Content<'a>, A::Error> {
        let parts = List::deserialize(SeqAccessDeserializer::new(seq))?;
        Ok(Content::Parts(parts.0.unwrap_or_default()))
    }
}
