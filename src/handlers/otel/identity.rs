use std::sync::Arc;

use opentelemetry::{KeyValue, StringValue};
use serde_json::Value;

use super::{
    names,
    value::{cut, short, text, texts},
};
use crate::{handlers::labels::scalar, run::Run};

/// The most tags of a run that are recorded.
const MAX_TAGS: usize = 32;

/// What spans say about the run that they stand for, and about who calls.
#[derive(Debug, Clone)]
pub(super) struct RunIdentity {
    pub(super) metadata: Vec<Arc<str>>,
    pub(super) session: Arc<str>,
    pub(super) user: Arc<str>,
}

impl Default for RunIdentity {
    fn default() -> Self {
        Self {
            metadata: vec!["tenant".into()],
            session: "session_id".into(),
            user: "user_id".into(),
        }
    }
}

impl RunIdentity {
    /// Returns the attributes of a run.
    pub(super) fn attributes(&self, run: &Run) -> Vec<KeyValue> {
        let mut attributes = vec![
            text(names::RUN_ID, run.run_id().to_string()),
            text(names::RUN_NAME, cut(run.name())),
        ];
        let tags = tags(run);
        if !tags.is_empty() {
            attributes.push(texts(names::RUN_TAGS, tags));
        }
        attributes.extend(self.session(run).map(|id| text(names::SESSION, id)));
        attributes.extend(self.user(run).map(|id| text(names::USER, id)));
        attributes.extend(self.metadata_named(run, names::RUN_METADATA));
        attributes
    }

    /// Returns the chosen metadata, with a prefix of its names.
    pub(super) fn metadata_named(
        &self,
        run: &Run,
        prefix: &'static str,
    ) -> impl Iterator<Item = KeyValue> {
        self.metadata.iter().filter_map(move |key| {
            let value = run.metadata().get(&**key).and_then(scalar_text)?;
            Some(KeyValue::new(format!("{prefix}{key}"), value))
        })
    }

    fn session(&self, run: &Run) -> Option<StringValue> {
        run.metadata().get(&*self.session).and_then(scalar_text)
    }

    fn user(&self, run: &Run) -> Option<StringValue> {
        run.metadata().get(&*self.user).and_then(scalar_text)
    }

    /// Returns the chosen metadata, as JSON.
    pub(super) fn metadata_json(&self, run: &Run) -> Option<String> {
        let chosen = self.metadata.iter().filter_map(|key| {
            let value = run.metadata().get(&**key)?;
            Some((key.to_string(), Value::from(&*scalar(value)?)))
        });
        let chosen: serde_json::Map<String, Value> = chosen.collect();
        (!chosen.is_empty()).then(|| Value::Object(chosen).to_string())
    }
}

pub(super) fn tags(run: &Run) -> Vec<StringValue> {
    run.tags().iter().take(MAX_TAGS).map(short).collect()
}

fn scalar_text(value: &Value) -> Option<StringValue> {
    scalar(value).map(|text| cut(&text).into())
}
