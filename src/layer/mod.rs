//! The typed layer, for services whose response is a stream of chunks.

mod future;
#[expect(clippy::module_inception, reason = "the folder is the quartet, the file its layer")]
mod layer;
mod runs;
mod service;
mod stream;
mod whole;

pub use self::{
    future::ResponseFuture,
    layer::CallbackLayer,
    service::CallbackService,
    stream::CallbackStream,
    whole::{ModelFuture, ModelLayer, ModelService},
};
