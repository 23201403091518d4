use std::sync::Arc;

use serde_json::Value;

use super::{ErrorKind, Failure, LlmResult, LlmStart, Prompt, RunInput, Truncated};
use crate::redact;

/// The amount of content (prompts, answers, inputs, outputs) that handlers receive.
///
/// Everything else (names, times, counts, how a run ended) is delivered in any case. Set per layer, with
/// [`CallbackLayer::content`](crate::CallbackLayer::content) or
/// [`HttpCallbackLayer::content`](crate::HttpCallbackLayer::content). Vectors, pictures and other outputs that are no text are not
/// delivered unless the layer [captures](crate::HttpCallbackLayer::capture_outputs) them.
///
/// ```
/// use tower_llm_callbacks::{CallbackLayer, Callbacks, ContentCapture};
///
/// let layer = CallbackLayer::new(Callbacks::new()).content(ContentCapture::Limited(200));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContentCapture {
    /// Keep all content; the default.
    #[default]
    Full,
    /// Keep at most this many bytes of every text, cut at a character boundary: in prompts and parameters, in the
    /// text, reasoning, refusal and tool arguments of each choice, in inputs and outputs, and in error messages.
    /// A token beyond the limit is an event with an empty text. A captured
    /// [output](crate::HttpCallbackLayer::capture_outputs) that takes more bytes is left out: a part of it is of no use.
    Limited(usize),
    /// Keep no content: no prompts, token events with empty texts, no texts and arguments in results, no inputs
    /// and outputs, no provider messages in errors. Parameters and the provider's other values are kept if they are
    /// numbers, booleans or single words of at most 64 bytes.
    Off,
}

impl ContentCapture {
    /// Returns the number of bytes of a text that are kept.
    pub(crate) fn limit(self) -> usize {
        match self {
            ContentCapture::Full => usize::MAX,
            ContentCapture::Limited(bytes) => bytes,
            ContentCapture::Off => 0,
        }
    }

    /// Reduces a start event to what is captured.
    pub(crate) fn start(self, mut start: LlmStart) -> LlmStart {
        match self {
            ContentCapture::Full => {}
            ContentCapture::Limited(bytes) => {
                start.params.values_mut().for_each(|value| shorten(value, bytes));
                let messages = std::mem::take(&mut start.messages);
                if messages.is_some() {
                    start.messages = Prompt::lazy(move || {
                        let mut messages = messages.get().cloned().unwrap_or_default();
                        shorten(&mut messages, bytes);
                        messages
                    });
                }
            }
            ContentCapture::Off => {
                start.messages = Prompt::none();
                start.params.retain(|_, value| match value {
                    Value::Number(_) | Value::Bool(_) | Value::Null => true,
                    Value::String(word) => is_word(word),
                    Value::Array(_) | Value::Object(_) => false,
                });
            }
        }
        start
    }

    /// Reduces the input of a chain, tool or retriever to what is captured.
    pub(crate) fn input(self, input: RunInput) -> RunInput {
        RunInput { input: self.value(input.input), ..input }
    }

    /// Reduces an input or output to what is captured. Redacts members whose names indicate a secret.
    pub(crate) fn value(self, value: Option<Value>) -> Option<Value> {
        let mut value = value.filter(|_| self != ContentCapture::Off)?;
        redact::prompt(&mut value);
        if let ContentCapture::Limited(bytes) = self {
            shorten(&mut value, bytes);
        }
        Some(value)
    }

    /// Reduces a result. The accumulator has limited its texts, but providers may send any text as another value.
    pub(crate) fn result(self, mut result: LlmResult) -> LlmResult {
        if !result.output.is_empty() {
            result.output.retain(|value| self != Self::Off && size(value) <= self.limit());
        }
        if self == ContentCapture::Off {
            for choice in &mut result.choices {
                choice.finish_reason.take_if(|reason| !is_word(reason));
            }
            if let Some(usage) = &mut result.usage_raw {
                words_only(usage);
            }
        }
        result
    }

    /// Reduces the message of another run's error. That run may capture more content than this one.
    pub(crate) fn error(self, error: Arc<str>, without_content: Arc<str>) -> Arc<str> {
        match self {
            ContentCapture::Off => without_content,
            ContentCapture::Limited(bytes) if error != without_content && error.len() > bytes => {
                prefix(&error, bytes).into()
            }
            ContentCapture::Full | ContentCapture::Limited(_) => error,
        }
    }

    /// Reduces a failure: error messages may quote prompts.
    pub(crate) fn failure(self, mut failure: Failure) -> Failure {
        if self == ContentCapture::Off {
            failure.provider_code.take_if(|code| !is_word(code));
            failure.request_id.take_if(|id| !is_word(id));
        }
        let quotes = matches!(
            failure.kind,
            ErrorKind::Provider | ErrorKind::Transport | ErrorKind::Invalid | ErrorKind::Failed
        );
        let message = match self {
            ContentCapture::Limited(bytes) if failure.message.len() > bytes => {
                prefix(&failure.message, bytes).into()
            }
            // The message may be that of an error that wraps `Truncated`, which may quote anything.
            ContentCapture::Off if failure.kind == ErrorKind::Truncated => {
                Truncated.to_string().into()
            }
            ContentCapture::Off if quotes => match failure.status {
                Some(status) => format!("HTTP status {status}").into(),
                None => "the message is not captured".into(),
            },
            _ => return failure,
        };
        Failure { message, ..failure }
    }
}

/// Returns the longest prefix of at most `bytes` bytes that ends at a character boundary.
pub(crate) fn prefix(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    let end = (0..=bytes).rev().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or(0)]
}

/// Returns the bytes that a value takes.
pub(super) fn size(value: &Value) -> usize {
    let more = match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(size).sum(),
        Value::Object(values) => values.iter().map(|(name, value)| name.len() + size(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    };
    size_of::<Value>() + more
}

/// Whether a text can be an identifier or an enumerated value, rather than content.
fn is_word(text: &str) -> bool {
    text.len() <= 64 && !text.contains(char::is_whitespace)
}

fn words_only(value: &mut Value) {
    match value {
        Value::String(text) if !is_word(text) => *value = Value::Null,
        Value::Array(values) => values.iter_mut().for_each(words_only),
        Value::Object(values) => values.values_mut().for_each(words_only),
        _ => {}
    }
}

fn shorten(value: &mut Value, bytes: usize) {
    match value {
        Value::String(text) => text.truncate(prefix(text, bytes).len()),
        Value::Array(values) => values.iter_mut().for_each(|value| shorten(value, bytes)),
        Value::Object(values) => values.values_mut().for_each(|value| shorten(value, bytes)),
        _ => {}
    }
}
