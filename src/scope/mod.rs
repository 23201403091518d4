//! Layers that say what calls are made in: as which attempt, with which configuration, in which run.

mod attempts;
mod carrier;
mod carry;
mod configured;

pub use self::{
    attempts::{AttemptsLayer, AttemptsService},
    carrier::HasExtensions,
    carry::{RunContextLayer, RunContextService},
    configured::{RunConfigLayer, RunConfigService},
};
