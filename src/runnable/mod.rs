//! Chains, tools and retrievers: any service as a run of its own, and any future.
//!
//! [`RunLayer`] is where to begin. The other types are those of its services.

mod fold;
mod future;
mod input;
mod layer;
mod output;
mod service;
mod stream;

pub use self::{
    fold::{Fold, FoldItem, PartialOutput, WholeOutput},
    future::RunFuture,
    input::{ExtractInput, InputOf, NoInput},
    layer::RunLayer,
    output::{NoOutput, ObservedRun, OutputKind, OutputOf, Respond, Streaming, Unary},
    service::{FutureService, RunService},
    stream::RunStream,
};
