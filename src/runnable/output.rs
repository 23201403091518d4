use std::fmt;

use serde_json::Value;

use super::{
    RunStream,
    fold::{PartialOutput, WholeOutput},
};
use crate::lifecycle::{Emitter, Runnable};

/// How the response of a service ends its run: [`Unary`], when it is ready, or [`Streaming`], when the stream ends.
///
/// Sealed.
pub trait OutputKind<Res>: Clone + sealed::Sealed {
    /// The response of the wrapped service.
    type Response;
    /// What is known of the output while the run lasts.
    type Output: PartialOutput;
    #[doc(hidden)]
    fn output(&self) -> Self::Output;
    #[doc(hidden)]
    fn respond(
        &self,
        run: Option<ObservedRun<Self::Output>>,
        response: Res,
    ) -> Respond<Self::Response, Self::Output>;
}

mod sealed {
    #[expect(unnameable_types, reason = "sealed")]
    pub trait Sealed {}
    impl<O> Sealed for super::Unary<O> {}
    impl<K> Sealed for super::Streaming<K> {}
}

/// A run that a handler is notified of.
pub struct ObservedRun<K: PartialOutput>(pub(super) Box<Emitter<Runnable<K>>>);

/// What to do with a response.
#[derive(Debug)]
pub enum Respond<R, K: PartialOutput> {
    /// Return it to the caller.
    Now(R),
    /// Return it when the run's terminal event is handled.
    AtEnd(ObservedRun<K>, R),
}

/// Ends the run when the response is ready.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unary<O = NoOutput>(pub(super) O);

/// Captures nothing of the output.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoOutput;

/// Captures the output that a closure returns. Created by [`RunLayer::output`](crate::RunLayer::output).
#[derive(Clone)]
pub struct OutputOf<F>(pub(super) F);

impl<Res> OutputKind<Res> for Unary<NoOutput> {
    type Response = Res;
    type Output = WholeOutput;

    fn output(&self) -> WholeOutput {
        WholeOutput::default()
    }

    fn respond(
        &self,
        run: Option<ObservedRun<WholeOutput>>,
        response: Res,
    ) -> Respond<Res, WholeOutput> {
        whole(run, response, |_| None)
    }
}

impl<Res, F, T> OutputKind<Res> for Unary<OutputOf<F>>
where
    F: Fn(&Res) -> T + Clone,
    T: Into<Value>,
{
    type Response = Res;
    type Output = WholeOutput;

    fn output(&self) -> WholeOutput {
        WholeOutput::default()
    }

    fn respond(
        &self,
        run: Option<ObservedRun<WholeOutput>>,
        response: Res,
    ) -> Respond<Res, WholeOutput> {
        whole(run, response, |response| Some((self.0.0)(response).into()))
    }
}

fn whole<Res>(
    run: Option<ObservedRun<WholeOutput>>,
    response: Res,
    value: impl FnOnce(&Res) -> Option<Value>,
) -> Respond<Res, WholeOutput> {
    let Some(ObservedRun(mut emitter)) = run else { return Respond::Now(response) };
    emitter.add(|output| output.set(value(&response)));
    emitter.complete();
    Respond::AtEnd(ObservedRun(emitter), response)
}

/// Ends the run with the stream that the response is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Streaming<K = WholeOutput>(pub(super) K);

impl<Res, K: PartialOutput + Clone> OutputKind<Res> for Streaming<K> {
    type Response = RunStream<Res, K>;
    type Output = K;

    fn output(&self) -> K {
        self.0.clone()
    }

    fn respond(&self, run: Option<ObservedRun<K>>, response: Res) -> Respond<RunStream<Res, K>, K> {
        Respond::Now(RunStream::new(response, run.map(|ObservedRun(emitter)| emitter)))
    }
}

impl<F> fmt::Debug for OutputOf<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutputOf").finish_non_exhaustive()
    }
}

impl<K: PartialOutput> fmt::Debug for ObservedRun<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObservedRun").finish_non_exhaustive()
    }
}
