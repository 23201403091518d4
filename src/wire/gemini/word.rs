use std::{borrow::Cow, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

use crate::wire::json::lenient;

/// A value of an enum: its name, or its number, which clients ask for with `$alt=json;enum-encoding=int`.
#[derive(Debug, Default)]
pub(super) enum Word<'a> {
    #[default]
    None,
    Name(Cow<'a, str>),
    Number(u64),
}

/// The API, whose enums differ: the protobufs of the Gemini API and of Vertex AI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    Gemini,
    Vertex,
}

/// `Candidate.FinishReason`, from 1, after `google/ai/generativelanguage/v1beta/generative_service.proto`.
const FINISH_REASONS: [&str; 17] = [
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "OTHER",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MALFORMED_FUNCTION_CALL",
    "IMAGE_SAFETY",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_OTHER",
    "NO_IMAGE",
    "IMAGE_RECITATION",
];
/// The numbers from 6 in `google/cloud/aiplatform/v1/content.proto`.
const VERTEX_FINISH_REASONS: [&str; 5] =
    ["BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MALFORMED_FUNCTION_CALL", "MODEL_ARMOR"];
const BLOCK_REASONS: [&str; 5] =
    ["SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY"];
const VERTEX_BLOCK_REASONS: [&str; 2] = ["MODEL_ARMOR", "JAILBREAK"];

impl<'a> Word<'a> {
    /// Returns the name of a finish reason. `None` if it is unspecified.
    pub(super) fn finish_reason(self, api: Api) -> Option<Cow<'a, str>> {
        self.name(api, &FINISH_REASONS, 6, &VERTEX_FINISH_REASONS)
            .filter(|reason| reason != "FINISH_REASON_UNSPECIFIED")
    }

    /// Returns the name of a block reason. `None` if it is unspecified.
    pub(super) fn block_reason(self, api: Api) -> Option<Cow<'a, str>> {
        let name = self.name(api, &BLOCK_REASONS, 5, &VERTEX_BLOCK_REASONS);
        name.filter(|reason| {
            !matches!(&**reason, "BLOCK_REASON_UNSPECIFIED" | "BLOCKED_REASON_UNSPECIFIED")
        })
    }

    /// Returns the name. Numbers without a known name are kept as they are.
    fn name(
        self,
        api: Api,
        names: &[&'static str],
        vertex_from: u64,
        vertex: &[&'static str],
    ) -> Option<Cow<'a, str>> {
        let number = match self {
            Word::None | Word::Number(0) => return None,
            Word::Name(name) => return Some(name).filter(|name| !name.is_empty()),
            Word::Number(number) => number,
        };
        let (names, from) = match api {
            Api::Vertex if number >= vertex_from => (vertex, vertex_from),
            _ => (names, 1),
        };
        let name = usize::try_from(number - from).ok().and_then(|at| names.get(at));
        Some(name.map_or_else(|| number.to_string().into(), |name| (*name).into()))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Word<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordVisitor(PhantomData))
    }
}

struct WordVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for WordVisitor<'a> {
    type Value = Word<'a>;

    lenient!(scalars seq map);

    fn visit_i64<E: Error>(self, _: i64) -> Result<Word<'a>, E> {
        Ok(Word::None)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Word<'a>, E> {
        Ok(Word::Number(number))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Word<'a>, E> {
        Ok(Word::None)
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Word<'a>, E> {
        Ok(Word::Name(Cow::Borrowed(name)))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Word<'a>, E> {
        Ok(Word::Name(Cow::Owned(name.to_owned())))
    }
}
