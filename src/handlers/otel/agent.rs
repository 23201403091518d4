//! What the user says of runs in their metadata, by the conventions' names.

use std::sync::Arc;

use opentelemetry::KeyValue;
use serde_json::Value;

use super::{names, value};
use crate::run::Run;

pub(super) fn metadata<'a>(run: &'a Run, key: &str) -> Option<&'a str> {
    run.metadata().get(key).and_then(Value::as_str)
}

/// The agent that a run says it is, or is in, if its metadata are inherited.
pub(super) fn agent(run: &Run) -> Option<Arc<str>> {
    metadata(run, names::AGENT_NAME).map(Into::into)
}

/// What else is said of an agent.
pub(super) fn describe(run: &Run, attributes: &mut Vec<KeyValue>) {
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

/// Takes a text over from the metadata.
pub(super) fn copy(run: &Run, key: &'static str, attributes: &mut Vec<KeyValue>) {
    if let Some(text) = metadata(run, key) {
        attributes.push(value::text(key, value::cut(text)));
    }
}
