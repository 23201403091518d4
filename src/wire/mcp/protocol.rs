use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::{
    event::{Delta, ProviderError},
    wire::{
        json::{self, ReadError},
        protocol,
    },
};

/// The responses of JSON-RPC, of which one is the answer.
#[derive(Debug, Default)]
pub(super) struct Protocol {
    /// The id of the request. `None` if it is not known: then any response is the answer.
    pub(super) id: Option<Value>,
    /// Whether the last event had nothing but an id, from which a client resumes.
    pub(super) resumes: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    id: Value,
    method: Value,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<Failure>,
}

#[derive(Deserialize)]
struct Failure {
    #[serde(default)]
    code: Value,
    #[serde(default)]
    message: Value,
}

/// What a result says of a failure.
#[derive(Deserialize)]
struct ToolResult {
    #[serde(default, rename = "isError")]
    is_error: Value,
    #[serde(default)]
    content: Value,
}

impl protocol::Protocol for Protocol {
    fn event(
        &mut self,
        _name: Option<&str>,
        data: &str,
        each: &mut dyn FnMut(Delta<'_>),
    ) -> Result<(), ReadError> {
        self.resumes = data.is_empty();
        if self.resumes { Ok(()) } else { self.whole(data, each) }
    }

    fn whole(&mut self, json: &str, each: &mut dyn FnMut(Delta<'_>)) -> Result<(), ReadError> {
        // Revision 2025-03-26 has batches.
        if json.starts_with('[') {
            let messages: Result<Vec<Message<'_>>, _> = serde_json::from_str(json);
            for message in messages.map_err(|_| ReadError::Unreadable)? {
                self.message(&message, each);
            }
            return Ok(());
        }
        self.message(&json::read(json)?, each);
        Ok(())
    }

    /// A server may close the stream of a long call, whose result the client then fetches.
    ///
    /// Source: "Streamable HTTP", revision 2025-11-25.
    fn eof(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        if self.resumes {
            each(Delta::NotStreamed);
            each(Delta::Done);
        }
    }
}

impl Protocol {
    fn message(&self, message: &Message<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        let is_response = message.method.is_null();
        // An error without an id is one of the request, whose id could not be read.
        let is_ours = self.id.as_ref().is_none_or(|id| {
            message.id == *id || (message.id.is_null() && message.error.is_some())
        });
        if !is_response || !is_ours {
            return;
        }
        if let Some(Failure { code, message }) = &message.error {
            each(Delta::NotStreamed);
            let mut error = ProviderError::new(message.as_str().unwrap_or("the call failed"));
            if !code.is_null() {
                error = error.code(code.as_str().map_or_else(|| code.to_string(), str::to_owned));
            }
            each(Delta::Error(error));
        } else if let Some(result) = message.result {
            each(Delta::NotStreamed);
            each(Delta::Text { choice: 0, text: Cow::Borrowed(result.get()) });
            each(failure(result).map_or(Delta::Done, Delta::Error));
        }
    }
}

/// Returns the error that a result reports: the tool failed.
fn failure(result: &RawValue) -> Option<ProviderError> {
    let result: ToolResult = serde_json::from_str(result.get()).ok()?;
    if result.is_error != true {
        return None;
    }
    let items = result.content.as_array().map_or(&[][..], Vec::as_slice);
    let texts: Vec<&str> = items.iter().filter_map(|item| item["text"].as_str()).collect();
    let said = texts.join("\n");
    let message = if said.is_empty() { "the tool failed" } else { &said };
    Some(ProviderError::new(message).code("tool_error"))
}
