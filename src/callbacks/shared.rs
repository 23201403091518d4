use std::{
    fmt,
    sync::{Arc, Mutex},
};

use tokio::runtime::Handle;

use super::Fault;
use crate::sync::lock;

/// What the handlers of one set share.
#[derive(Default)]
pub(crate) struct Shared {
    hooks: Mutex<Vec<Hook>>,
    runtime: Mutex<Option<Handle>>,
}

type Hook = Arc<dyn Fn(&Fault) + Send + Sync>;

impl Shared {
    pub(crate) fn add_hook(&self, hook: Hook) {
        lock(&self.hooks).push(hook);
    }

    pub(crate) fn hooks(&self) -> Vec<Hook> {
        lock(&self.hooks).clone()
    }

    pub(crate) fn set_runtime(&self, runtime: Handle) {
        *lock(&self.runtime) = Some(runtime);
    }

    /// The runtime of the set's own, else the one that the call is made in.
    pub(crate) fn runtime(&self) -> Option<Handle> {
        lock(&self.runtime).clone().or_else(|| Handle::try_current().ok())
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("hooks", &lock(&self.hooks).len()).finish_non_exhaustive()
    }
}
