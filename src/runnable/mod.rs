//! Chains, tools and retrievers: any service as a run of its own, and any future.

mod future;
mod input;
mod layer;
mod output;
mod service;
mod stream;

pub use self::{
    future::RunFuture,
    input::{ExtractInput, InputOf, NoInput},
    layer::RunLayer,
    output::{Fold, NoOutput, OutputKind, OutputOf, Streaming, Unary, Untold},
    service::{FutureService, RunService},
    stream::RunStream,
};
