use bytes::Bytes;
use http::header::CONTENT_TYPE;
use memchr::memmem;
use serde_json::{Value, json};

use crate::wire::{LlmHttpRequest, request::Members};

/// The most parts that are read.
const MAX_PARTS: usize = 256;
/// The longest head of a part that is read.
const MAX_HEAD: usize = 8 * 1024;
/// The longest field that is read.
const MAX_FIELD: usize = 64 * 1024;
/// Fields that are texts, whatever they look like.
const TEXTS: [&str; 4] = ["model", "prompt", "language", "user"];

/// Returns the fields of a request that is a form, as if it were JSON, or the members of one that is JSON.
///
/// A file is an object with its type and size. Nothing of it is kept.
pub(super) fn members(call: &LlmHttpRequest<'_>) -> Members {
    let content_type = call.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match content_type.and_then(boundary) {
        Some(boundary) => fields(&call.body(), boundary),
        None => call.members(),
    }
}

/// Returns the boundary of a form's parts.
fn boundary(content_type: &str) -> Option<&str> {
    let kind = content_type.get(..19)?;
    let is_form = kind.eq_ignore_ascii_case("multipart/form-data");
    parameter(&content_type[19..], "boundary").filter(|it| is_form && !it.is_empty())
}

/// Returns a parameter of a header, without quotes.
fn parameter<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = header;
    loop {
        rest = rest[rest.find(';')? + 1..].trim_start();
        let (key, value) = rest.split_once('=')?;
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_at(closing(quoted)?),
            None => value.split_at(value.find(';').unwrap_or(value.len())),
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(value.trim());
        }
        rest = after;
    }
}

/// Returns where a quoted text ends.
fn closing(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

fn fields(body: &Bytes, boundary: &str) -> Members {
    let mut found: Vec<(String, Vec<Value>)> = Vec::new();
    let delimiter = format!("\r\n--{boundary}");
    let delimiter = memmem::Finder::new(&delimiter);
    // Before the first delimiter there is no line end, and behind the last one there are two dashes.
    let first = &delimiter.needle()[2..];
    let mut rest = match body.strip_prefix(first) {
        Some(rest) => rest,
        None => match delimiter.find(body) {
            Some(at) => &body[at + delimiter.needle().len()..],
            None => &[],
        },
    };
    for _ in 0..MAX_PARTS {
        if rest.starts_with(b"--") {
            break;
        }
        let Some(head_end) = memmem::find(&rest[..rest.len().min(MAX_HEAD)], b"\r\n\r\n") else {
            break;
        };
        let head = String::from_utf8_lossy(&rest[..head_end]);
        let content = &rest[head_end + 4..];
        let end = delimiter.find(content);
        if let Some((name, value)) = field(&head, &content[..end.unwrap_or(content.len())], end) {
            match found.iter_mut().find(|(other, _)| *other == name) {
                Some((_, values)) => values.push(value),
                None => found.push((name, vec![value])),
            }
        }
        let Some(end) = end else { break };
        rest = &content[end + delimiter.needle().len()..];
    }
    let json = |(name, mut values): (String, Vec<Value>)| {
        // A list is sent as fields of one name, which may say so.
        let value = match name.strip_suffix("[]") {
            None if values.len() == 1 => values.remove(0),
            _ => Value::Array(values),
        };
        let name = name.strip_suffix("[]").unwrap_or(&name).to_owned();
        (name, Bytes::from(value.to_string()))
    };
    Members::of(found.into_iter().map(json).collect())
}

/// Returns the name and value of a field. Without an `end` it is cut.
fn field(head: &str, content: &[u8], end: Option<usize>) -> Option<(String, Value)> {
    let header = |name: &str| {
        let mut lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
        lines.find(|(other, _)| other.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value)
    };
    let disposition = header("content-disposition")?;
    let name = parameter(disposition, "name")?.to_owned();
    let is_file = ["filename", "filename*"].iter().any(|it| parameter(disposition, it).is_some());
    if is_file {
        let kind = header("content-type").map(str::trim);
        return Some((name, json!({ "content_type": kind, "bytes": end })));
    }
    let text = std::str::from_utf8(content).ok().filter(|text| text.len() <= MAX_FIELD)?;
    end?;
    let plain = !TEXTS.contains(&&*name);
    let value = plain.then(|| serde_json::from_str::<Value>(text).ok()).flatten();
    let value = value.filter(|value| value.is_number() || value.is_boolean());
    Some((name, value.unwrap_or_else(|| text.into())))
}
