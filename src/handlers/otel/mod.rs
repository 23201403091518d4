//! Spans and metrics that follow OpenTelemetry's semantic conventions for generative AI.
//!
//! The names are those of version 1.41.1, the last release of the conventions that contained them. The handlers
//! depend on the OpenTelemetry API crate only: the application chooses the SDK and the exporters.

// `CallInfo` reads a call's facts once, for both handlers. Each handler keeps the state of unfinished runs in an
// `Open`, which is bounded.

mod agent;
mod call_info;
mod content;
mod error_type;
mod finish;
mod identity;
mod instruments;
mod langfuse;
mod llm_span;
mod logs;
mod message;
mod metrics;
mod metrics_builder;
mod modality;
mod names;
mod openinference;
mod params;
mod parent;
mod part;
mod profile;
mod result;
mod run_span;
mod server;
mod span;
mod spans;
mod spans_builder;
mod starting;
mod tools;
mod value;

pub use self::{
    content::OtelContent, metrics::OtelMetrics, metrics_builder::OtelMetricsBuilder,
    names::SemanticConventions, profile::OtelProfile, spans::OtelSpans,
    spans_builder::OtelSpansBuilder,
};
