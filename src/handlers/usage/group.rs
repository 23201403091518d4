use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::names::name;
use crate::run::Run;

/// What runs are told apart by.
#[derive(Debug, Clone)]
pub(super) struct Dimension {
    /// What it is called in keys.
    name: Arc<str>,
    of: Of,
}

#[derive(Debug, Clone)]
enum Of {
    Model,
    Provider,
    /// Tags that begin so.
    Tag(Arc<str>),
    Metadata(Arc<str>),
}

impl Dimension {
    pub(super) fn model() -> Self {
        Self { name: "model".into(), of: Of::Model }
    }

    pub(super) fn provider() -> Self {
        Self { name: "provider".into(), of: Of::Provider }
    }

    pub(super) fn tag(prefix: &str) -> Self {
        let name = if prefix.is_empty() { "tag".into() } else { format!("tag:{prefix}").into() };
        Self { name, of: Of::Tag(prefix.into()) }
    }

    pub(super) fn metadata(key: &str) -> Self {
        Self { name: format!("metadata.{key}").into(), of: Of::Metadata(key.into()) }
    }

    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What a run has of it, at least one: none is a value too.
    fn values(&self, run: &Run, model: Option<&str>, provider: Option<&str>) -> Vec<Has> {
        let tags = |prefix: &str| -> Vec<Has> {
            let tags = run.tags().iter().filter(|tag| tag.starts_with(prefix));
            tags.take(MAX_GROUPS_OF_A_RUN + 1).map(|tag| Some(name(tag))).collect()
        };
        let values = match &self.of {
            Of::Model => vec![model.map(name)],
            Of::Provider => vec![provider.map(name)],
            Of::Metadata(key) => vec![run.metadata().get(&**key).and_then(text)],
            Of::Tag(prefix) => tags(prefix),
        };
        if values.is_empty() { vec![None] } else { values }
    }
}

/// A value that runs may have.
type Has = Option<Arc<str>>;

/// The values of a group, in the order of the dimensions.
pub(super) type Values = Arc<[Has]>;

const MAX_GROUPS_OF_A_RUN: usize = 64;

/// A metadata value that is a single one.
pub(super) fn text(value: &Value) -> Option<Arc<str>> {
    match value {
        Value::String(text) => Some(name(text)),
        Value::Number(_) | Value::Bool(_) => Some(name(&value.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The groups that a run is in, and whether there are more of them: several where it has several tags.
pub(super) fn groups(
    by: &[Dimension],
    run: &Run,
    model: Option<&str>,
    provider: Option<&str>,
) -> (Vec<Values>, bool) {
    if by.is_empty() {
        return (Vec::new(), false);
    }
    let mut groups: Vec<Vec<Has>> = vec![Vec::new()];
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

/// What the runs of a group have in common.
///
/// As JSON it is an object: `{"model":"gpt-5","metadata.user":null}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey {
    names: Arc<[Arc<str>]>,
    values: Values,
}

impl GroupKey {
    pub(super) fn new(names: &Arc<[Arc<str>]>, values: Values) -> Self {
        Self { names: Arc::clone(names), values }
    }

    /// The value of what is grouped by, under its name: `model`, `provider`, `tag`, `tag:team:` (where the
    /// prefix is `team:`), `metadata.user`. None where the runs have none.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(other, _)| *other == name).and_then(|(_, value)| value)
    }

    /// Names and values, in the order in which it was set what to group by.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.names.iter().zip(self.values.iter()).map(|(name, value)| (&**name, value.as_deref()))
    }
}

impl Serialize for GroupKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}
