use std::fmt;

use futures_core::Stream;
use serde_json::Value;

use super::RunStream;
pub use crate::lifecycle::PartialOutput;
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

/// An output that is known whole, or not captured.
#[derive(Debug, Clone, Default)]
pub struct WholeOutput(Option<Value>);

impl PartialOutput for WholeOutput {
    fn finish(&mut self) -> Option<Value> {
        self.0.take()
    }
}

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
    emitter.add(|output| output.0 = value(&response));
    emitter.complete();
    Respond::AtEnd(ObservedRun(emitter), response)
}

/// Ends the run with the stream that the response is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Streaming<K = WholeOutput>(pub(super) K);

/// Adds up the items of a stream with a closure. Created by [`RunLayer::fold`](crate::RunLayer::fold).
#[derive(Clone)]
pub struct Fold<A, F> {
    /// `None` after the end of the run.
    sum: Option<A>,
    add: F,
}

impl<A, F> Fold<A, F> {
    pub(super) fn new(sum: A, add: F) -> Self {
        Self { sum: Some(sum), add }
    }
}

impl<A: Into<Value>, F> PartialOutput for Fold<A, F> {
    fn finish(&mut self) -> Option<Value> {
        self.sum.take().map(Into::into)
    }
}

/// How the items of a stream add up to an output.
pub trait FoldItem<T>: PartialOutput {
    #[doc(hidden)]
    fn fold(&mut self, item: &T);
}

impl<T> FoldItem<T> for WholeOutput {
    fn fold(&mut self, _item: &T) {}
}

impl<T, A: Into<Value>, F: Fn(&mut A, &T)> FoldItem<T> for Fold<A, F> {
    fn fold(&mut self, item: &T) {
        if let Some(sum) = &mut self.sum {
            (self.add)(sum, item);
        }
    }
}

impl<Res, K, T, E> OutputKind<Res> for Streaming<K>
where
    Res: Stream<Item = Result<T, E>>,
    K: PartialOutput + Clone,
{
    type Response = RunStream<Res, K, T>;
    type Output = K;

    fn output(&self) -> K {
        self.0.clone()
    }

    fn respond(
        &self,
        run: Option<ObservedRun<K>>,
        response: Res,
    ) -> Respond<RunStream<Res, K, T>, K> {
        Respond::Now(RunStream::new(response, run.map(|ObservedRun(emitter)| emitter)))
    }
}

impl<F> fmt::Debug for OutputOf<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutputOf").finish_non_exhaustive()
    }
}

impl<A: fmt::Debug, F> fmt::Debug for Fold<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fold").field("sum", &self.sum).finish_non_exhaustive()
    }
}

impl<K: PartialOutput> fmt::Debug for ObservedRun<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObservedRun").finish_non_exhaustive()
    }
}
