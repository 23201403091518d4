//! The OpenTelemetry handlers: what they write of each call, after the semantic conventions, version 1.41.1.
#![cfg(feature = "otel")]

mod http_support;
#[path = "promise_10/log.rs"]
mod log;
mod support;

#[path = "handlers_otel/bounds.rs"]
mod bounds;
#[path = "handlers_otel/content.rs"]
mod content;
#[path = "handlers_otel/exporters.rs"]
mod exporters;
#[path = "handlers_otel/http_calls.rs"]
mod http_calls;
#[path = "handlers_otel/kit.rs"]
mod kit;
#[path = "handlers_otel/metrics.rs"]
mod metrics;
#[path = "handlers_otel/otlp.rs"]
mod otlp;
#[path = "handlers_otel/receiver.rs"]
mod receiver;
#[path = "handlers_otel/secrets.rs"]
mod secrets;
#[path = "handlers_otel/terminals.rs"]
mod terminals;
#[path = "handlers_otel/tree.rs"]
mod tree;
#[path = "handlers_otel/typed_calls.rs"]
mod typed_calls;
