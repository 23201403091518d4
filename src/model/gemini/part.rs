use serde_json::{Value, json};

use crate::{
    chat::{ContentPart, ModelError},
    model::{calls::Calls, check, media},
};

/// Returns a part in Gemini's form; `None` for reasoning, which is not accepted.
pub(super) fn part(part: &ContentPart, calls: &mut Calls<'_>) -> Result<Option<Value>, ModelError> {
    Ok(Some(match part {
        ContentPart::Text { text } => json!({"text": text}),
        ContentPart::Image { media_type, data_base64 }
        | ContentPart::Audio { media_type, data_base64 }
        | ContentPart::File { media_type, data_base64, .. } => {
            json!({"inlineData": {"mimeType": media_type, "data": data_base64}})
        }
        ContentPart::ImageUrl { url } => {
            let mut file = json!({"fileUri": url});
            if let Some(media_type) = media::of_picture(url) {
                file["mimeType"] = media_type.into();
            }
            json!({"fileData": file})
        }
        ContentPart::FileUrl { url, media_type } => {
            json!({"fileData": {"fileUri": url, "mimeType": media_type}})
        }
        ContentPart::ToolCall { id, name, arguments } => {
            let arguments = if arguments.is_null() { json!({}) } else { arguments.clone() };
            let mut call = json!({"name": name, "args": arguments});
            if !id.is_empty() {
                call["id"] = id.as_str().into();
            }
            json!({"functionCall": call})
        }
        ContentPart::ToolResult { tool_call_id: id, content, is_error } => {
            let name = calls.name(id).ok_or_else(|| {
                ModelError::invalid(format!(
                    "a tool result is of the call {id:?}, which no message before it has"
                ))
            })?;
            let object = serde_json::from_str(content).ok().filter(Value::is_object);
            let response = match (object, is_error) {
                (Some(object), false) => object,
                (_, false) => json!({"output": content}),
                (_, true) => json!({"error": content}),
            };
            let mut result = json!({"name": name, "response": response});
            if !id.is_empty() {
                result["id"] = id.as_str().into();
            }
            json!({"functionResponse": result})
        }
        ContentPart::Raw(value) | ContentPart::Native { value, .. } => value.clone(),
        ContentPart::Reasoning { .. } => return Ok(None),
        ContentPart::CachePoint { .. } => return Err(check::no_form("Gemini", part)),
    }))
}
