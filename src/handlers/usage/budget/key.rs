use std::{fmt, sync::Arc};

use crate::{
    event::LlmStart,
    handlers::usage::{group::text, names::name},
    run::Run,
};

/// The rule that selects the budget of a run.
#[derive(Clone, Default)]
pub(super) enum KeyRule {
    /// One budget for all runs.
    #[default]
    All,
    Model,
    Tag(Arc<str>),
    Metadata(Arc<str>),
    Closure(Arc<Closure>),
}

type Closure = dyn Fn(&Run, &LlmStart) -> Option<Arc<str>> + Send + Sync;

impl KeyRule {
    /// Returns a run's key, or `None` if the run draws on no budget. Runs without the tag or value share the empty
    /// key: omitting it must not circumvent the limit.
    pub(super) fn key(&self, run: &Run, start: &LlmStart) -> Option<Arc<str>> {
        let key = match self {
            KeyRule::All => None,
            KeyRule::Model => start.model.as_deref().map(name),
            KeyRule::Tag(prefix) => {
                run.tags().iter().find(|tag| tag.starts_with(&**prefix)).map(|tag| name(tag))
            }
            KeyRule::Metadata(key) => run.metadata().get(&**key).and_then(text),
            KeyRule::Closure(key) => return key(run, start).map(|key| name(&key)),
        };
        Some(key.unwrap_or_default())
    }
}

impl fmt::Debug for KeyRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyRule::All => f.write_str("All"),
            KeyRule::Model => f.write_str("Model"),
            KeyRule::Tag(prefix) => f.debug_tuple("Tag").field(prefix).finish(),
            KeyRule::Metadata(key) => f.debug_tuple("Metadata").field(key).finish(),
            KeyRule::Closure(_) => f.write_str("Closure(..)"),
        }
    }
}
