use std::{fmt, sync::Arc};

use crate::{
    event::LlmStart,
    handlers::usage::{group::text, names::name},
    run::Run,
};

/// Whose budget a run draws on.
#[derive(Clone, Default)]
pub(super) enum KeyOf {
    /// There is one for all.
    #[default]
    All,
    Model,
    Tag(Arc<str>),
    Metadata(Arc<str>),
    Closure(Arc<Closure>),
}

type Closure = dyn Fn(&Run, &LlmStart) -> Option<Arc<str>> + Send + Sync;

impl KeyOf {
    /// None for a run that draws on no budget. Runs that lack what is asked for draw on one together: leaving
    /// it out must not be a way around the limit.
    pub(super) fn of(&self, run: &Run, start: &LlmStart) -> Option<Arc<str>> {
        let found = match self {
            KeyOf::All => None,
            KeyOf::Model => start.model.as_deref().map(name),
            KeyOf::Tag(prefix) => {
                run.tags().iter().find(|tag| tag.starts_with(&**prefix)).map(|tag| name(tag))
            }
            KeyOf::Metadata(key) => run.metadata().get(&**key).and_then(text),
            KeyOf::Closure(key) => return key(run, start).map(|key| name(&key)),
        };
        Some(found.unwrap_or_default())
    }
}

impl fmt::Debug for KeyOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyOf::All => f.write_str("All"),
            KeyOf::Model => f.write_str("Model"),
            KeyOf::Tag(prefix) => f.debug_tuple("Tag").field(prefix).finish(),
            KeyOf::Metadata(key) => f.debug_tuple("Metadata").field(key).finish(),
            KeyOf::Closure(_) => f.write_str("Closure(..)"),
        }
    }
}
