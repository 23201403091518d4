//! The names and initial attributes of spans.

use opentelemetry::{
    KeyValue,
    trace::{SpanBuilder, SpanKind},
};

use super::{
    agent::{copy, copy_agent, metadata},
    names,
    value::{cut, text},
};
use crate::{
    event::RunInput,
    run::{Run, RunType},
};

/// Returns a builder for a span that starts with its run.
pub(super) fn span_builder(
    run: &Run,
    name: String,
    kind: SpanKind,
    attributes: Vec<KeyValue>,
) -> SpanBuilder {
    SpanBuilder::from_name(name)
        .with_kind(kind)
        .with_start_time(run.start_time())
        .with_attributes(attributes)
}

/// Returns a builder for the span of a chain, tool or retriever.
pub(super) fn runnable_span(run: &Run, input: &RunInput, is_agent: bool) -> SpanBuilder {
    let mut attributes = Vec::new();
    copy(run, names::CONVERSATION, &mut attributes);
    let named = |operation: &str, name: &str| format!("{operation} {}", cut(name));
    let name = match run.run_type() {
        RunType::Tool => {
            attributes.push(text(names::OPERATION, names::EXECUTE_TOOL));
            attributes.push(text(names::TOOL_NAME, cut(run.name())));
            let id = input.tool_call_id.as_deref();
            attributes.extend(id.map(|id| text(names::TOOL_CALL_ID, cut(id))));
            copy(run, names::TOOL_TYPE, &mut attributes);
            copy(run, names::TOOL_DESCRIPTION, &mut attributes);
            if let Some(method) = metadata(run, names::MCP_METHOD) {
                copy_mcp(run, &mut attributes);
                return span_builder(run, named(method, run.name()), SpanKind::Client, attributes);
            }
            named(names::EXECUTE_TOOL, run.name())
        }
        RunType::Retriever => {
            attributes.push(text(names::OPERATION, names::RETRIEVAL));
            copy(run, names::DATA_SOURCE, &mut attributes);
            let source = metadata(run, names::DATA_SOURCE);
            named(names::RETRIEVAL, source.unwrap_or_else(|| run.name()))
        }
        _ if is_agent => {
            attributes.push(text(names::OPERATION, names::INVOKE_AGENT));
            copy_agent(run, &mut attributes);
            let agent = metadata(run, names::AGENT_NAME);
            named(names::INVOKE_AGENT, agent.unwrap_or_else(|| run.name()))
        }
        // The conventions define no operation for chains.
        _ => cut(run.name()),
    };
    span_builder(run, name, SpanKind::Internal, attributes)
}

/// Copies what the metadata of a call of an MCP server says.
fn copy_mcp(run: &Run, attributes: &mut Vec<KeyValue>) {
    for (key, value) in run.metadata() {
        let known = key.starts_with("mcp.") || key.starts_with("jsonrpc.");
        if let (true, Some(value)) = (known && key.len() <= 64, value.as_str()) {
            attributes.push(KeyValue::new(key.clone(), cut(value)));
        }
    }
}
