//! Spans and metrics after OpenTelemetry's semantic conventions for generative AI.
//!
//! Written against the conventions' version 1.41.1, the last that was released with them in it, and against
//! the API crate alone: which SDK and exporter is up to the application.

// What is known of a call is read once (`Facts`), and written by two handlers, spans and metrics. Each keeps
// what it has of a run in an `Open`, which is bounded.

mod agent;
mod content;
mod error_type;
mod facts;
mod finish;
mod instruments;
mod llm_span;
mod logs;
mod message;
mod metrics;
mod metrics_builder;
mod names;
mod params;
mod parent;
mod part;
mod result;
mod run_span;
mod scope;
mod server;
mod span;
mod spans;
mod spans_builder;
mod starting;
mod tools;
mod value;

pub use self::{
    content::OtelContent, metrics::OtelMetrics, metrics_builder::OtelMetricsBuilder,
    names::SemanticConventions, spans::OtelSpans, spans_builder::OtelSpansBuilder,
};
