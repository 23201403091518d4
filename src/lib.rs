#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]

pub mod chat;
pub mod guide;
pub mod handlers;
pub mod http;
pub mod model;
#[cfg(feature = "nats")]
#[cfg_attr(docsrs, doc(cfg(feature = "nats")))]
pub mod nats;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
pub mod wire;

mod callbacks;
mod describe;
mod event;
mod generate;
mod handler;
mod layer;
mod redact;
mod relay;
mod run;
mod runnable;
mod scope;
mod sync;

pub use self::{
    callbacks::{
        Callbacks, Delivery, Fault, FaultKind, FirstRun, FlushReport, Handler, HandlerStats,
        Overflow, RunConfig, Undelivered,
    },
    describe::{DescribeChunk, DescribeRequest, Described, LlmChunk, LlmRequest, Native},
    event::{
        Accumulator, Choice, ContentCapture, CustomEvent, Delta, ErrorKind, Event, EventData,
        EventKind, EventRecord, HttpRequestInfo, HttpResponseInfo, InvalidRecord, LlmResult,
        LlmStart, Messages, ProviderError, RECORD_VERSION, Record, Retry, RunError, RunInput,
        RunOutput, Token, TokenKind, ToolCall, ToolCallRef, Truncated, Usage,
    },
    generate::{Generate, GenerateError, LlmBatch, LlmOutput},
    handler::{
        AsyncCallbackHandler, AsyncFnHandler, CallbackHandler, FnHandler, Interests, on_end,
        on_error, on_event, on_event_async, on_result, on_start, on_token,
    },
    http::HttpCallbackLayer,
    layer::{CallbackLayer, CallbackService, CallbackStream, ResponseFuture},
    relay::{Relay, Relayed},
    run::{
        Abort, Aborted, EmitError, InCurrentRun, InRun, InvalidTraceParent, Run, RunType,
        TraceParent, emit,
    },
    runnable::{
        DescribeInput, Fold, FutureService, InputOf, NoInput, NoOutput, OutputKind, OutputOf,
        RunFuture, RunLayer, RunService, RunStream, Streaming, Unary, Untold,
    },
    scope::{
        Attempts, AttemptsLayer, Carrier, CarryRun, CarryRunLayer, Configured, RunConfigLayer,
    },
};
