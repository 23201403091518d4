use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use crate::{
    chat::{ContentPart, Role},
    model::{content, openai::image},
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
        // The default; there are servers that want the field.
        detail: &'static str,
    },
    #[serde(untagged)]
    Raw(&'a Value),
}

impl<'a> Part<'a> {
    /// None for what is no content here: reasoning without its item is not taken back, and calls,
    /// results and raw items are no parts.
    pub(super) fn new(part: &'a ContentPart, role: Role) -> Option<Self> {
        let image = |image_url| Part::InputImage { image_url, detail: "auto" };
        Some(match part {
            ContentPart::Text { text } if role == Role::Assistant => Part::OutputText { text },
            ContentPart::Text { text } => Part::InputText { text },
            ContentPart::Image { media_type, data_base64 } => {
                image(image::data_url(media_type, data_base64).into())
            }
            ContentPart::ImageUrl { url } => image(url.into()),
            ContentPart::Raw(value) => Part::Raw(value),
            ContentPart::Reasoning { .. }
            | ContentPart::ToolCall { .. }
            | ContentPart::ToolResult { .. } => return None,
        })
    }
}

impl content::Part for Part<'_> {
    fn text(&self) -> Option<&str> {
        match self {
            Part::InputText { text } | Part::OutputText { text } => Some(text),
            _ => None,
        }
    }
}
