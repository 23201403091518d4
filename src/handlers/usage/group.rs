use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::names::name;
use crate::run::Run;

/// A property by which runs are grouped.
#[derive(Debug, Clone)]
pub(super) struct Dimension {
    /// The name in group keys.
    name: Arc<str>,
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    Model,
    Provider,
    /// Tags that begin with a prefix.
    Tag(Arc<str>),
    Metadata(Arc<str>),
}

impl Dimension {
    pub(super) fn model() -> Self {
        Self { name: "model".into(), source: Source::Model }
    }

    pub(super) fn provider() -> Self {
        Self { name: "provider".into(), source: Source::Provider }
    }

    pub(super) fn tag(prefix: &str) -> Self {
        let name = if prefix.is_empty() { "tag".into() } else { format!("tag:{prefix}").into() };
        Self { name, source: Source::Tag(prefix.into()) }
    }

    pub(super) fn metadata(key: &str) -> Self {
        Self { name: format!("metadata.{key}").into(), source: Source::Metadata(key.into()) }
    }

    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Returns a run's values, at least one: a missing value is a value of its own.
    fn values(&self, run: &Run, model: Option<&str>, provider: Option<&str>) -> Vec<GroupValue> {
        let tags = |prefix: &str| -> Vec<GroupValue> {
            let tags = run.tags().iter().filter(|tag| tag.starts_with(prefix));
            tags.take(MAX_GROUPS_OF_A_RUN + 1).map(|tag| Some(name(tag))).collect()
        };
        let values = match &self.source {
            Source::Model => vec![model.map(name)],
            Source::Provider => vec![provider.map(name)],
            Source::Metadata(key) => vec![run.metadata().get(&**key).and_then(text)],
            Source::Tag(prefix) => tags(prefix),
        };
        if values.is_empty() { vec![None] } else { values }
    }
}

/// A run's value of one dimension.
type GroupValue = Option<Arc<str>>;

/// The values of a group, in the order of the dimensions.
pub(super) type Values = Arc<[GroupValue]>;

const MAX_GROUPS_OF_A_RUN: usize = 64;

/// Returns a scalar metadata value as text.
pub(super) fn text(value: &Value) -> Option<Arc<str>> {
    match value {
        Value::String(text) => Some(name(text)),
        Value::Number(_) | Value::Bool(_) => Some(name(&value.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Returns a run's groups, several if it has several tags, and whether some were left out.
pub(super) fn groups(
    by: &[Dimension],
    run: &Run,
    model: Option<&str>,
    provider: Option<&str>,
) -> (Vec<Values>, bool) {
    if by.is_empty() {
        return (Vec::new(), false);
    }
    let mut groups: Vec<Vec<GroupValue>> = vec![Vec::new()];
    let mut more = false;
    for dimension in by {
        let values = dimension.values(run, model, provider);
        let mut longer = Vec::with_capacity(groups.len() * values.len());
        for group in &groups {
            for value in &values {
                if longer.len() == MAX_GROUPS_OF_A_RUN {
                    more = true;
                    break;
                }
                longer.push(group.iter().chain([value]).cloned().collect());
            }
        }
        groups = longer;
    }
    (groups.into_iter().map(Values::from).collect(), more)
}

/// The values that the runs of a group have in common.
///
/// Serialises to an object: `{"model":"gpt-5","metadata.user":null}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey {
    names: Arc<[Arc<str>]>,
    values: Values,
}

impl GroupKey {
    pub(super) fn new(names: &Arc<[Arc<str>]>, values: Values) -> Self {
        Self { names: Arc::clone(names), values }
    }

    /// Returns a value by the name of its dimension: `model`, `provider`, `tag`, `tag:team:` (if the prefix is
    /// `team:`), `metadata.user`. Returns `None` if the runs have no such value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(other, _)| *other == name).and_then(|(_, value)| value)
    }

    /// Returns an iterator over names and values, in the order in which the dimensions were added.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.names.iter().zip(self.values.iter()).map(|(name, value)| (&**name, value.as_deref()))
    }
}

impl Serialize for GroupKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}
