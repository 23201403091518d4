use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock},
};

use uuid::Uuid;

use crate::sync::lock;

/// What of a configuration is for one run only, and which one that was.
#[derive(Default)]
pub(crate) struct Once {
    name: Mutex<Option<Arc<str>>>,
    id: Mutex<Option<Uuid>>,
    first: OnceLock<Uuid>,
}

impl Once {
    pub(crate) fn with_name(self, name: Option<Arc<str>>) -> Self {
        Self { name: Mutex::new(name), ..self }
    }

    pub(crate) fn with_id(self, id: Option<Uuid>) -> Self {
        Self { id: Mutex::new(id), ..self }
    }

    /// The same, for a run of its own.
    pub(crate) fn copy(&self) -> Self {
        Self::default().with_name(lock(&self.name).clone()).with_id(*lock(&self.id))
    }

    /// For one of many calls: each has the name, and the first one the id.
    pub(crate) fn for_call(&self) -> Self {
        Self::default().with_name(lock(&self.name).clone()).with_id(self.take_id())
    }

    pub(crate) fn take_name(&self) -> Option<Arc<str>> {
        lock(&self.name).take()
    }

    pub(crate) fn take_id(&self) -> Option<Uuid> {
        lock(&self.id).take()
    }

    /// A run was made.
    pub(crate) fn made(&self, run_id: Uuid) {
        // The first one stays.
        let _ = self.first.set(run_id);
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once")
            .field("run_name", &lock(&self.name))
            .field("run_id", &lock(&self.id))
            .finish_non_exhaustive()
    }
}

/// Which run was made first with a [`RunConfig`](super::RunConfig): of
/// [`first_run`](super::RunConfig::handle).
#[derive(Debug, Clone)]
pub struct RunHandle(pub(super) Arc<Once>);

impl RunHandle {
    /// The run's id; none while no run was made, which is also so where nobody is told of the call.
    pub fn run_id(&self) -> Option<Uuid> {
        self.0.first.get().copied()
    }
}
