//! Events: what handlers receive, and how events look outside the process.

mod accumulator;
mod amount;
mod block;
mod causes;
mod choice;
mod content;
mod custom;
mod delta;
#[expect(clippy::module_inception, reason = "the folder is about events, the file about `Event`")]
mod event;
mod event_kind;
mod event_record;
mod http;
mod index_table;
mod invalid_record;
mod invalid_request;
pub(crate) mod json;
mod layout;
mod llm_start;
mod price;
mod price_source;
mod priced_call;
mod prompt;
mod provider_error;
mod record;
mod report;
mod reported_cost;
mod result;
mod retry;
mod run_cost;
mod run_error;
mod runnable;
mod token;
mod token_buffer;
mod tool_call;
mod tool_parts;
mod truncated;
mod truncation;
mod usage;
mod usage_source;

#[cfg(feature = "usage")]
pub(crate) use self::amount::decimal;
pub use self::{
    accumulator::Accumulator,
    amount::{Amount, ParseAmountError},
    block::Block,
    choice::Choice,
    content::ContentCapture,
    custom::CustomEvent,
    delta::Delta,
    event::{Event, EventData},
    event_kind::EventKind,
    event_record::EventRecord,
    http::{HttpRequestInfo, HttpResponseInfo},
    invalid_record::InvalidRecord,
    invalid_request::InvalidRequest,
    llm_start::LlmStart,
    price::Price,
    price_source::{PriceSource, Rates},
    priced_call::PricedCall,
    prompt::Prompt,
    provider_error::ProviderError,
    record::{RECORD_VERSION, Record},
    result::LlmResult,
    retry::Retry,
    run_cost::RunCost,
    run_error::{ErrorKind, Partial, RunError},
    runnable::{RunInput, RunOutput},
    token::{Token, TokenKind, ToolCallRef},
    tool_call::ToolCall,
    truncated::Truncated,
    usage::Usage,
    usage_source::{UsageGap, UsageSource, UsageSources},
};
pub(crate) use self::{
    accumulator::Pieces,
    causes::{causes, is_retryable, provider_error},
    content::prefix,
    prompt::PromptSource,
    record::Data,
    run_error::Failure,
    token::{Content, TextBlock},
};
