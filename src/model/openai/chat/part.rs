use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use crate::{
    chat::{ContentPart, ModelError},
    model::{check, content::ProviderPart, media, openai::common::data_url},
};

/// A content part in the form of Chat Completions.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Part<'a> {
    Text {
        text: &'a str,
    },
    ImageUrl {
        image_url: ImageUrl<'a>,
    },
    File {
        file: File<'a>,
    },
    InputAudio {
        input_audio: Audio<'a>,
    },
    #[serde(untagged)]
    Raw(&'a Value),
    #[serde(untagged)]
    Marked(Value),
}

#[derive(Debug, Serialize)]
pub(super) struct ImageUrl<'a> {
    url: Cow<'a, str>,
}

#[derive(Debug, Serialize)]
pub(super) struct File<'a> {
    filename: &'a str,
    file_data: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Audio<'a> {
    data: &'a str,
    format: &'a str,
}

impl<'a> Part<'a> {
    /// Returns the content part for a part; `None` for reasoning, which is not accepted, and for calls and results,
    /// which are not content parts.
    pub(super) fn new(part: &'a ContentPart) -> Result<Option<Self>, ModelError> {
        let image = |url| Part::ImageUrl { image_url: ImageUrl { url } };
        Ok(Some(match part {
            ContentPart::Text { text } => Part::Text { text },
            ContentPart::Image { media_type, data_base64 } => {
                image(data_url(media_type, data_base64).into())
            }
            ContentPart::File { name, media_type, data_base64 } => {
                let file_data = data_url(media_type, data_base64);
                Part::File { file: File { filename: name, file_data } }
            }
            ContentPart::ImageUrl { url } => image(url.into()),
            ContentPart::Audio { media_type, data_base64: data } => {
                Part::InputAudio { input_audio: Audio { data, format: media::format(media_type) } }
            }
            // Marks are members of parts.
            ContentPart::FileUrl { .. } | ContentPart::CachePoint { .. } => {
                return Err(check::no_form("Chat Completions", part));
            }
            // A part with a type is one of the content; see `Turn::native`.
            ContentPart::Raw(value) | ContentPart::Native { value, .. } => Part::Raw(value),
            ContentPart::Reasoning { .. }
            | ContentPart::ToolCall { .. }
            | ContentPart::ToolResult { .. } => return Ok(None),
        }))
    }
}

impl ProviderPart for Part<'_> {
    fn text(&self) -> Option<&str> {
        match self {
            Part::Text { text } => Some(text),
            _ => None,
        }
    }

    fn whole(value: Value) -> Self {
        Part::Marked(value)
    }
}
