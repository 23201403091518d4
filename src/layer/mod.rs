//! The typed layers: for services whose response is a stream of chunks, and for those whose response is whole.
//!
//! # In a stack
//!
//! A callback layer goes into any place of a `tower::ServiceBuilder`: above and below buffers, limits, timeouts, retries, load
//! shedding and boxes. What is right below it has to be `Clone`; `RateLimit` and `BoxService` are not, so that a `.buffer(…)` goes
//! between. `checked` at the end of a stack has the compiler say what does not fit, and [why](crate::bounds).
//!
//! # In tasks
//!
//! `service.ready().await?.call(request).await?` and the services' own `oneshot` go into `tokio::spawn` and `join!` without
//! a box, over real, boxed and scripted models. `tower::ServiceExt::oneshot` does not where the errors below are boxed: the
//! compiler cannot prove then that its future is `Send` ("implementation of `From` is not general enough"). A service's own
//! `oneshot`, or [`BoxModel::ask`](crate::chat::BoxModel::ask), takes its place. Generic code over `S: Service<…>` names the bound
//! itself: `S::Future: Send + 'static`.

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
