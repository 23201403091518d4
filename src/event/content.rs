use std::sync::Arc;

use serde_json::Value;

use super::{ErrorKind, Failure, LlmResult, LlmStart, Prompt, RunInput, Truncated};
use crate::redact;

/// How much of prompts and answers handlers are told.
///
/// Everything else (who, when, how many, how it ended) is told in any case. Set for each layer, with
/// [`CallbackLayer::content`](crate::CallbackLayer::content) or
/// [`HttpCallbackLayer::content`](crate::HttpCallbackLayer::content).
///
/// ```
/// use tower_llm_callbacks::{CallbackLayer, Callbacks, ContentCapture};
///
/// let layer = CallbackLayer::new(Callbacks::new()).content(ContentCapture::Limited(200));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContentCapture {
    /// All of it; the default.
    #[default]
    Full,
    /// Of each text the first bytes, at most so many, cut between characters: of each text in the
    /// prompt and the parameters, of text, reasoning and refusal of each choice, of the arguments of each
    /// tool call, of inputs and outputs, and of error messages. A token beyond it is an event with an empty text.
    Limited(usize),
    /// None: no messages, token events with empty texts, no texts and no arguments in results, no inputs and
    /// outputs, no messages of providers in errors. Parameters, and what else providers say, are told as far as they are numbers,
    /// truth values and single words of at most 64 bytes.
    Off,
}

impl ContentCapture {
    /// How many bytes of a text are told.
    pub(crate) fn limit(self) -> usize {
        match self {
            ContentCapture::Full => usize::MAX,
            ContentCapture::Limited(bytes) => bytes,
            ContentCapture::Off => 0,
        }
    }

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

    /// What a chain, tool or retriever was given.
    pub(crate) fn input(self, input: RunInput) -> RunInput {
        RunInput { input: self.value(input.input), ..input }
    }

    /// What a chain, tool or retriever was given, or has made. Secrets under telling names are covered.
    pub(crate) fn value(self, value: Option<Value>) -> Option<Value> {
        let mut value = value.filter(|_| self != ContentCapture::Off)?;
        redact::prompt(&mut value);
        if let ContentCapture::Limited(bytes) = self {
            shorten(&mut value, bytes);
        }
        Some(value)
    }

    /// Providers may say anything where a word is expected.
    pub(crate) fn result(self, mut result: LlmResult) -> LlmResult {
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

    /// The error of another run, which may be told more of content than this one.
    pub(crate) fn error(self, error: Arc<str>, without_content: Arc<str>) -> Arc<str> {
        match self {
            ContentCapture::Off => without_content,
            ContentCapture::Limited(bytes) if error != without_content && error.len() > bytes => {
                prefix(&error, bytes).into()
            }
            ContentCapture::Full | ContentCapture::Limited(_) => error,
        }
    }

    /// Error messages quote prompts.
    pub(crate) fn failure(self, mut failure: Failure) -> Failure {
        if self == ContentCapture::Off {
            failure.provider_code.take_if(|code| !is_word(code));
            failure.request_id.take_if(|id| !is_word(id));
        }
        let quotes = matches!(failure.kind, ErrorKind::Provider | ErrorKind::Transport);
        let message = match self {
            ContentCapture::Limited(bytes) if failure.message.len() > bytes => {
                prefix(&failure.message, bytes).into()
            }
            // That of an error around it is anybody's.
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

/// The first bytes of a text, at most so many, cut between characters.
pub(crate) fn prefix(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    let end = (0..=bytes).rev().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or(0)]
}

/// Something that was chosen, not something that was said.
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
