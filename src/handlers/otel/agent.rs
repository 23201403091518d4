//! Attributes that users set in a run's metadata, under the conventions' names.

use std::sync::Arc;

use opentelemetry::KeyValue;
use serde_json::Value;

use super::{names, value};
use crate::{
    handler::Open,
    run::{Run, RunType},
};

pub(super) fn metadata<'a>(run: &'a Run, key: &str) -> Option<&'a str> {
    run.metadata().get(key).and_then(Value::as_str)
}

/// Returns the agent that the metadata name: the run itself or, if inherited, a run above it.
pub(super) fn agent(run: &Run) -> Option<Arc<str>> {
    metadata(run, names::AGENT_NAME).map(Into::into)
}

/// Returns whether a run itself is the agent that its metadata name. If they are inherited, the run above it is: `agent_of`
/// returns that of an open run.
pub(super) fn is_agent<T>(
    run: &Run,
    open: &Open<T>,
    agent_of: impl Fn(&T) -> Option<Arc<str>>,
) -> bool {
    let Some(name) = agent(run).filter(|_| run.run_type() == RunType::Chain) else { return false };
    let mut above = run.parent_ids().iter().rev();
    let above = above.find_map(|id| open.with(*id, |above| agent_of(above)));
    above.flatten() != Some(name)
}

/// Copies the attributes of an agent.
pub(super) fn copy_agent(run: &Run, attributes: &mut Vec<KeyValue>) {
    for key in [
        names::AGENT_NAME,
        names::AGENT_ID,
        names::AGENT_DESCRIPTION,
        names::AGENT_VERSION,
        names::PROVIDER,
        names::MODEL,
    ] {
        copy(run, key, attributes);
    }
}

/// Copies a string from the metadata.
pub(super) fn copy(run: &Run, key: &'static str, attributes: &mut Vec<KeyValue>) {
    if let Some(text) = metadata(run, key) {
        attributes.push(value::text(key, value::cut(text)));
    }
}
