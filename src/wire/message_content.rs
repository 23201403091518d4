use std::{borrow::Cow, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{
        Error, MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};

use crate::wire::json::{List, Text, lenient};

/// The content of a message, or its reasoning: a string, or parts, as reasoning models send it.
#[derive(Debug, Default)]
pub(in crate::wire) enum MessageContent<'a> {
    #[default]
    None,
    Text(Cow<'a, str>),
    Parts(Vec<Part<'a>>),
}

/// A part of a content, or of a part. Which member has the text is up to the vendor.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::wire) struct Part<'a> {
    #[serde(borrow, rename = "type")]
    pub(in crate::wire) kind: Text<'a>,
    #[serde(borrow)]
    pub(in crate::wire) text: MessageContent<'a>,
    #[serde(borrow)]
    pub(in crate::wire) thinking: MessageContent<'a>,
    #[serde(borrow)]
    pub(in crate::wire) reasoning: MessageContent<'a>,
    #[serde(borrow)]
    pub(in crate::wire) summary: MessageContent<'a>,
    #[serde(borrow)]
    pub(in crate::wire) content: MessageContent<'a>,
    #[serde(borrow)]
    pub(in crate::wire) refusal: MessageContent<'a>,
}

/// What a text of a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::wire) enum Content {
    Text,
    Reasoning,
    Refusal,
}

impl<'a> MessageContent<'a> {
    pub(in crate::wire) fn is_empty(&self) -> bool {
        match self {
            Self::None => true,
            Self::Text(text) => text.is_empty(),
            Self::Parts(parts) => parts.is_empty(),
        }
    }

    /// Calls `each` with every nonempty text.
    pub(in crate::wire) fn each(
        self,
        content: Content,
        each: &mut dyn FnMut(Content, Cow<'a, str>),
    ) {
        match self {
            Self::None => {}
            Self::Text(text) => {
                if !text.is_empty() {
                    each(content, text);
                }
            }
            Self::Parts(parts) => {
                for part in parts {
                    part.each(content, each);
                }
            }
        }
    }
}

impl<'a> Part<'a> {
    fn each(self, content: Content, each: &mut dyn FnMut(Content, Cow<'a, str>)) {
        let kind = self.kind.as_deref().unwrap_or_default();
        let reasons = ["thinking", "reasoning", "thought", "summary"];
        let content = match kind {
            "" | "text" | "output_text" => content,
            "refusal" => Content::Refusal,
            kind if reasons.iter().any(|reason| kind.starts_with(reason)) => Content::Reasoning,
            // References, images …
            _ => return,
        };
        let texts = match content {
            Content::Refusal => [self.refusal, self.text, Default::default(), Default::default()],
            Content::Text => {
                [self.text, Default::default(), Default::default(), Default::default()]
            }
            Content::Reasoning => {
                let first = if self.text.is_empty() { self.thinking } else { self.text };
                [first, self.reasoning, self.content, self.summary]
            }
        };
        if let Some(text) = texts.into_iter().find(|text| !text.is_empty()) {
            text.each(content, each);
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

    lenient!(scalars numbers);

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

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<MessageContent<'a>, A::Error> {
        let part = Part::deserialize(MapAccessDeserializer::new(map))?;
        Ok(MessageContent::Parts(vec![part]))
    }
}
