use std::fmt;

use serde_json::Value;

pub use crate::lifecycle::PartialOutput;

/// An output that is known whole, or not captured.
#[derive(Debug, Clone, Default)]
pub struct WholeOutput(Option<Value>);

impl WholeOutput {
    pub(super) fn set(&mut self, output: Option<Value>) {
        self.0 = output;
    }
}

impl PartialOutput for WholeOutput {
    fn finish(&mut self) -> Option<Value> {
        self.0.take()
    }
}

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

impl<A: fmt::Debug, F> fmt::Debug for Fold<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fold").field("sum", &self.sum).finish_non_exhaustive()
    }
}
