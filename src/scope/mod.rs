//! The scope of calls: layers that count attempts, fall back to another service, bind a configuration and carry the current run.

mod attempts;
mod fallback;
mod has_extensions;
mod run_config;
mod run_context;

pub use self::{
    attempts::{AttemptsLayer, AttemptsService},
    fallback::{Fallback, FallbackFuture},
    has_extensions::HasExtensions,
    run_config::{RunConfigLayer, RunConfigService},
    run_context::{RunContextLayer, RunContextService},
};
pub use crate::lifecycle::{RunConfig, RunHandle};
