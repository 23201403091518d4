use super::{TracePropagation, routes::Routes};
use crate::{callbacks::Callbacks, lifecycle::RunSpec, run::RunType};

const DEFAULT_REQUEST_BYTES: usize = 16 * 1024 * 1024;

/// The settings of a layer, shared by its services.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) spec: RunSpec,
    pub(super) routes: Routes,
    pub(super) max_request_bytes: usize,
    pub(super) propagation: TracePropagation,
}

impl Settings {
    pub(super) fn new(callbacks: Callbacks) -> Self {
        Self {
            spec: RunSpec::new(RunType::Llm, callbacks),
            routes: Routes::known(),
            max_request_bytes: DEFAULT_REQUEST_BYTES,
            propagation: TracePropagation::default(),
        }
    }
}
