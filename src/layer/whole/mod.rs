//! The typed layer for services whose response is whole: embeddings, ranking, images, speech, moderation.

mod future;
mod layer;
mod service;

pub use self::{future::ModelFuture, layer::ModelLayer, service::ModelService};
