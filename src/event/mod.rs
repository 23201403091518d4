//! What handlers are told: events, their payloads, and what they look like outside the process.

mod accumulator;
mod content;
mod cut;
mod delta;
mod error;
#[expect(clippy::module_inception, reason = "the folder is about events, the file about `Event`")]
mod event;
mod http;
mod kind;
mod other;
mod places;
mod provider_error;
mod read;
mod record;
mod result;
mod start;
mod token;
mod truncated;
mod usage;

#[cfg(any(feature = "otel", feature = "usage"))]
pub(crate) use self::content::prefix;
pub use self::{
    accumulator::Accumulator,
    content::ContentCapture,
    delta::Delta,
    error::{ErrorKind, RunError},
    event::{Event, EventData},
    http::{HttpRequestInfo, HttpResponseInfo},
    kind::EventKind,
    other::{CustomEvent, Retry, RunInput, RunOutput},
    provider_error::ProviderError,
    read::{EventRecord, InvalidRecord},
    record::{RECORD_VERSION, Record},
    result::{Choice, LlmResult, ToolCall},
    start::{LlmStart, Prompt},
    token::{Token, TokenKind, ToolCallRef},
    truncated::Truncated,
    usage::Usage,
};
pub(crate) use self::{accumulator::Content, error::Failure, record::Data, token::TextBlock};
