use serde::Deserialize;

use super::{json::Text, json_text::JsonText};

/// The function of a tool call, or of a piece of one, in OpenAI's shape.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::wire) struct Function<'a> {
    #[serde(borrow)]
    pub(in crate::wire) name: Text<'a>,
    #[serde(borrow)]
    pub(in crate::wire) arguments: JsonText<'a>,
}
