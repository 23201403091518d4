//! Chains, tools and retrievers: any service as a run of its own, and any future.
//!
//! [`RunLayer`] is where to begin. The other types are those of its services.

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
    output::{
        Fold, FoldItem, NoOutput, ObservedRun, OutputKind, OutputOf, PartialOutput, Respond,
        Streaming, Unary, WholeOutput,
    },
    service::{FutureService, RunService},
    stream::RunStream,
};
