use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock},
};

use uuid::Uuid;

use crate::sync::lock;

/// The settings of a configuration that one run only takes, and the id of the first run that was opened with it.
#[derive(Default)]
pub(crate) struct OneShotSettings {
    name: Mutex<Option<Arc<str>>>,
    id: Mutex<Option<Uuid>>,
    first: OnceLock<Uuid>,
}

impl OneShotSettings {
    pub(super) fn with_name(self, name: Option<Arc<str>>) -> Self {
        Self { name: Mutex::new(name), ..self }
    }

    pub(super) fn with_id(self, id: Option<Uuid>) -> Self {
        Self { id: Mutex::new(id), ..self }
    }

    /// Returns the same settings for another run.
    pub(super) fn copy(&self) -> Self {
        Self::default().with_name(lock(&self.name).clone()).with_id(*lock(&self.id))
    }

    /// Returns the settings for one of many calls: each has the name, and the first one the id.
    pub(super) fn for_call(&self) -> Self {
        Self::default().with_name(lock(&self.name).clone()).with_id(self.take_id())
    }

    pub(super) fn take_name(&self) -> Option<Arc<str>> {
        lock(&self.name).take()
    }

    pub(super) fn take_id(&self) -> Option<Uuid> {
        lock(&self.id).take()
    }

    /// A run was opened. The first one stays.
    pub(super) fn opened(&self, run_id: Uuid) {
        let _ = self.first.set(run_id);
    }
}

impl fmt::Debug for OneShotSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneShotSettings")
            .field("run_name", &lock(&self.name))
            .field("run_id", &lock(&self.id))
            .finish_non_exhaustive()
    }
}

/// A handle to the first run that is made with a [`RunConfig`](super::RunConfig). Created by
/// [`RunConfig::handle`](super::RunConfig::handle).
#[derive(Debug, Clone)]
pub struct RunHandle(pub(super) Arc<OneShotSettings>);

impl RunHandle {
    /// Returns the run's id. `None` until a run is made, and where the call is unobserved.
    pub fn run_id(&self) -> Option<Uuid> {
        self.0.first.get().copied()
    }
}
