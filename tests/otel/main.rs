//! The OpenTelemetry handlers: what they record of each call, after the semantic conventions, version 1.41.1.

mod answers;
mod bounds;
mod content;
mod context;
mod exporters;
mod http_calls;
mod metrics;
mod model_calls;
mod operations;
mod otlp;
mod outages;
mod profiles;
mod receiver;
mod tenants;
mod terminals;
mod tree;
mod typed_calls;
