#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]

pub mod batch;
pub mod callbacks;
pub mod chat;
pub mod event;
pub mod extract;
pub mod guide;
pub mod handler;
pub mod handlers;
pub mod http_layer;
pub mod layer;
pub mod model;
#[cfg(feature = "nats")]
#[cfg_attr(docsrs, doc(cfg(feature = "nats")))]
pub mod nats;
pub mod relay;
pub mod run;
pub mod runnable;
pub mod scope;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
pub mod wire;

mod accessors;
mod delivery;
mod lifecycle;
mod panics;
mod redact;
mod sync;

pub use self::{
    callbacks::{Callbacks, Delivery, Fault, FaultKind, Registration},
    event::{
        ContentCapture, Delta, ErrorKind, Event, EventData, EventKind, LlmResult, LlmStart, Prompt,
        ProviderError, RunError, RunInput, RunOutput, Token, TokenKind, ToolCall, Usage,
    },
    extract::{LlmChunk, LlmRequest},
    handler::{
        AsyncCallbackHandler, CallbackHandler, EventMask, on_event, on_event_async, on_llm_end,
        on_llm_error, on_llm_new_token, on_llm_result, on_llm_start,
    },
    http_layer::HttpCallbackLayer,
    layer::CallbackLayer,
    run::{Abort, Aborted, InCurrentRun, Run, RunType, emit},
    runnable::RunLayer,
    scope::{AttemptsLayer, RunConfig, RunConfigLayer},
};
