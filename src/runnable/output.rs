use std::fmt;

use serde_json::Value;
use tower::BoxError;

use super::{RunStream, stream::AddUp};
use crate::callbacks::{Emitter, Output, Sum};

/// What the response of a service is to its run: the end of it ([`Unary`]), or a stream whose end is
/// ([`Streaming`]). Sealed.
pub trait OutputKind<Res>: Clone + sealed::Sealed {
    /// The response of the wrapped service.
    type Response;
    #[doc(hidden)]
    type Sum: Sum;
    #[doc(hidden)]
    fn sum(&self) -> Self::Sum;
    #[doc(hidden)]
    fn respond(
        &self,
        told: Option<Told<Self::Sum>>,
        response: Res,
    ) -> Responded<Self::Response, Self::Sum>;
}

mod sealed {
    pub trait Sealed {}
    impl<O> Sealed for super::Unary<O> {}
    impl<K> Sealed for super::Streaming<K> {}
}

/// A run that is told.
pub struct Told<K: Sum>(pub(super) Box<Emitter<Output<K>>>);

/// What becomes of a response.
pub enum Responded<R, K: Sum> {
    /// It goes to the caller.
    Now(R),
    /// It waits for the run's terminal event.
    Held(Told<K>, R),
}

/// The run ends when the response is ready.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unary<O = NoOutput>(pub(super) O);

/// Nothing of the output is captured.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoOutput;

/// The output is what a closure says of the response: made by [`RunLayer::output`](crate::RunLayer::output).
#[derive(Clone)]
pub struct OutputOf<F>(pub(super) F);

/// An output that is not looked at, or known whole.
#[derive(Debug, Clone, Default)]
pub struct Untold(Option<Value>);

impl Sum for Untold {
    fn finish(&mut self) -> Option<Value> {
        self.0.take()
    }
}

impl<Res> OutputKind<Res> for Unary<NoOutput> {
    type Response = Res;
    type Sum = Untold;

    fn sum(&self) -> Untold {
        Untold::default()
    }

    fn respond(&self, told: Option<Told<Untold>>, response: Res) -> Responded<Res, Untold> {
        whole(told, response, |_| None)
    }
}

impl<Res, F, T> OutputKind<Res> for Unary<OutputOf<F>>
where
    F: Fn(&Res) -> T + Clone,
    T: Into<Value>,
{
    type Response = Res;
    type Sum = Untold;

    fn sum(&self) -> Untold {
        Untold::default()
    }

    fn respond(&self, told: Option<Told<Untold>>, response: Res) -> Responded<Res, Untold> {
        whole(told, response, |response| Some((self.0.0)(response).into()))
    }
}

fn whole<Res>(
    told: Option<Told<Untold>>,
    response: Res,
    output: impl FnOnce(&Res) -> Option<Value>,
) -> Responded<Res, Untold> {
    let Some(Told(mut emitter)) = told else { return Responded::Now(response) };
    emitter.add(|sum| sum.0 = output(&response));
    emitter.complete();
    Responded::Held(Told(emitter), response)
}

/// The response is a stream, and the run ends with it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Streaming<K = Untold>(pub(super) K);

/// What a closure makes of a stream's items: made by [`RunLayer::fold`](crate::RunLayer::fold).
#[derive(Clone)]
pub struct Fold<A, F> {
    /// None once it was told.
    sum: Option<A>,
    add: F,
}

impl<A, F> Fold<A, F> {
    pub(super) fn new(sum: A, add: F) -> Self {
        Self { sum: Some(sum), add }
    }
}

impl<A: Into<Value>, F> Sum for Fold<A, F> {
    fn finish(&mut self) -> Option<Value> {
        self.sum.take().map(Into::into)
    }
}

impl<T> AddUp<T> for Untold {
    fn add(&mut self, _item: &T) {}
}

impl<T, A: Into<Value>, F: Fn(&mut A, &T)> AddUp<T> for Fold<A, F> {
    fn add(&mut self, item: &T) {
        if let Some(sum) = &mut self.sum {
            (self.add)(sum, item);
        }
    }
}

impl<Res, K: Sum + Clone> OutputKind<Res> for Streaming<K> {
    type Response = RunStream<Res, K>;
    type Sum = K;

    fn sum(&self) -> K {
        self.0.clone()
    }

    fn respond(&self, told: Option<Told<K>>, response: Res) -> Responded<RunStream<Res, K>, K> {
        Responded::Now(RunStream::new(response, told.map(|Told(emitter)| emitter)))
    }
}

impl<K: Sum> Told<K> {
    /// The call gave an error.
    pub(super) fn error(&mut self, error: &BoxError) {
        self.0.error(&**error);
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

impl<K: Sum> fmt::Debug for Told<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Told").finish_non_exhaustive()
    }
}

impl<R, K: Sum> fmt::Debug for Responded<R, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responded").finish_non_exhaustive()
    }
}
