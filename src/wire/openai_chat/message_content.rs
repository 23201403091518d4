use std::{borrow::Cow, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor, value::SeqAccessDeserializer},
};

use crate::wire::json::{List, Text, lenient};

/// The content of a message: a string, or parts, as Mistral's reasoning models send it.
#[derive(Debug, Default)]
pub(super) enum MessageContent<'a> {
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
    pub(super) thinking: MessageContent<'a>,
}

impl<'a> MessageContent<'a> {
    /// Calls `each` with every nonempty text and whether it is reasoning.
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

impl<'de: 'a, 'a> Deserialize<'de> for MessageContent<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor(PhantomData))
    }
}

struct ContentVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for ContentVisitor<'a> {
    type Value = MessageContent<'a>;

    lenient!(scalars map);

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<MessageContent<'a>, E> {
        Ok(MessageContent::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<MessageContent<'a>, E> {
        Ok(MessageContent::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<MessageContent<'a>, A::Error> {
        let parts = List::deserialize(SeqAccessDeserializer::new(seq))?;
        Ok(MessageContent::Parts(parts.0.unwrap_or_default()))
    }
}
