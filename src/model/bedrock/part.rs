use serde_json::{Value, json};

use crate::{
    chat::{ContentPart, ModelError},
    model::media,
};

const IMAGES: [&str; 4] = ["gif", "jpeg", "png", "webp"];
const DOCUMENTS: [&str; 9] = ["csv", "doc", "docx", "html", "md", "pdf", "txt", "xls", "xlsx"];
const AUDIO: [&str; 11] =
    ["aac", "flac", "m4a", "mka", "mkv", "mp3", "mp4", "ogg", "opus", "wav", "webm"];

/// Returns a block in the form of `Converse`; `None` for reasoning that the model did not sign.
pub(super) fn block(part: &ContentPart) -> Result<Option<Value>, ModelError> {
    Ok(Some(match part {
        ContentPart::Text { text } => json!({"text": text}),
        ContentPart::Reasoning { text, signature } => {
            let Some(signature) = signature else { return Ok(None) };
            let reasoning = json!({"text": text, "signature": signature});
            json!({"reasoningContent": {"reasoningText": reasoning}})
        }
        ContentPart::ToolCall { id, name, arguments } => {
            let input = if arguments.is_null() { json!({}) } else { arguments.clone() };
            json!({"toolUse": {"toolUseId": id, "name": name, "input": input}})
        }
        ContentPart::ToolResult { tool_call_id, content, is_error } => {
            let mut result = json!({"toolUseId": tool_call_id, "content": [{"text": content}]});
            if *is_error {
                result["status"] = "error".into();
            }
            json!({"toolResult": result})
        }
        ContentPart::Image { media_type, data_base64 } => {
            let source = json!({"bytes": data_base64});
            json!({"image": {"format": format(media_type, "image", &IMAGES)?, "source": source}})
        }
        ContentPart::ImageUrl { url } => {
            let format = media::of_picture(url).map(media::format).ok_or_else(|| {
                ModelError::invalid("Bedrock reads the format of a picture from the end of its URL")
            })?;
            json!({"image": {"format": format, "source": s3(url)?}})
        }
        ContentPart::File { name, media_type, data_base64 } => {
            let source = json!({"bytes": data_base64});
            document(name, media_type, &source)?
        }
        ContentPart::FileUrl { url, media_type } => {
            document(url.rsplit('/').next().unwrap_or_default(), media_type, &s3(url)?)?
        }
        ContentPart::Audio { media_type, data_base64 } => {
            let source = json!({"bytes": data_base64});
            json!({"audio": {"format": format(media_type, "audio", &AUDIO)?, "source": source}})
        }
        ContentPart::CachePoint { ttl } => cache_point(ttl.as_deref()),
        ContentPart::Raw(value) | ContentPart::Native { value, .. } => value.clone(),
    }))
}

/// Returns the block that ends a prefix to be cached.
pub(super) fn cache_point(ttl: Option<&str>) -> Value {
    let mut point = json!({"type": "default"});
    if let Some(ttl) = ttl {
        point["ttl"] = ttl.into();
    }
    json!({"cachePoint": point})
}

fn document(name: &str, media_type: &str, source: &Value) -> Result<Value, ModelError> {
    let format = format(media_type, "document", &DOCUMENTS)?;
    // Names have no dots and only some other signs.
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-()[] ".contains(c);
    let name: String = stem.chars().map(|c| if is_plain(c) { c } else { '-' }).collect();
    let name = if name.trim().is_empty() { "document" } else { &*name };
    Ok(json!({"document": {"format": format, "name": name, "source": source}}))
}

fn format<'m>(media_type: &'m str, kind: &str, known: &[&str]) -> Result<&'m str, ModelError> {
    let format = media::format(media_type);
    if known.contains(&format) {
        return Ok(format);
    }
    let message = format!("Bedrock takes no {kind} of the type {media_type:?}: it takes {known:?}");
    Err(ModelError::invalid(message))
}

fn s3(url: &str) -> Result<Value, ModelError> {
    if !url.starts_with("s3://") {
        let message = "Bedrock fetches only s3:// URLs: send the bytes, as an Image or a File";
        return Err(ModelError::invalid(message));
    }
    Ok(json!({"s3Location": {"uri": url}}))
}
