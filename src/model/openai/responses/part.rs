use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use crate::{
    chat::{ContentPart, ModelError, Role},
    model::{check, content::ProviderPart, openai::common::data_url},
};

/// A content part in the form of the Responses API.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Part<'a> {
    InputText {
        text: &'a str,
    },
    OutputText {
        text: &'a str,
    },
    InputImage {
        image_url: Cow<'a, str>,
        // The default; some servers require the field.
        detail: &'static str,
    },
    #[serde(rename = "input_file")]
    File {
        filename: &'a str,
        file_data: String,
    },
    #[serde(rename = "input_file")]
    FileUrl {
        file_url: &'a str,
    },
    #[serde(untagged)]
    Raw(&'a Value),
    #[serde(untagged)]
    Marked(Value),
}

impl<'a> Part<'a> {
    /// Returns the content part for a part; `None` for reasoning, which is accepted only as the provider's item, and
    /// for calls and results, which are not content parts.
    pub(super) fn new(part: &'a ContentPart, role: Role) -> Result<Option<Self>, ModelError> {
        let image = |image_url| Part::InputImage { image_url, detail: "auto" };
        Ok(Some(match part {
            ContentPart::Text { text } if role == Role::Assistant => Part::OutputText { text },
            ContentPart::Text { text } => Part::InputText { text },
            ContentPart::Image { media_type, data_base64 } => {
                image(data_url(media_type, data_base64).into())
            }
            ContentPart::File { name, media_type, data_base64 } => {
                Part::File { filename: name, file_data: data_url(media_type, data_base64) }
            }
            ContentPart::ImageUrl { url } => image(url.into()),
            ContentPart::FileUrl { url, .. } => Part::FileUrl { file_url: url },
            // Marks are members of parts.
            ContentPart::Audio { .. } | ContentPart::CachePoint { .. } => {
                return Err(check::no_form("the Responses API", part));
            }
            ContentPart::Raw(value) => Part::Raw(value),
            ContentPart::Reasoning { .. }
            | ContentPart::Native { .. }
            | ContentPart::ToolCall { .. }
            | ContentPart::ToolResult { .. } => return Ok(None),
        }))
    }
}

impl ProviderPart for Part<'_> {
    fn text(&self) -> Option<&str> {
        match self {
            Part::InputText { text } | Part::OutputText { text } => Some(text),
            _ => None,
        }
    }

    fn whole(value: Value) -> Self {
        Part::Marked(value)
    }
}
