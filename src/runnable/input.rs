use std::fmt;

use crate::event::RunInput;

/// How a [`RunLayer`](crate::RunLayer) reads requests of type `Req`.
///
/// Sealed. [`NoInput`] reads nothing, [`InputOf`] calls a closure.
pub trait ExtractInput<Req>: Clone + sealed::Sealed {
    #[doc(hidden)]
    fn input(&self, request: &Req) -> RunInput;
}

mod sealed {
    #[expect(unnameable_types, reason = "sealed")]
    pub trait Sealed {}
    impl Sealed for super::NoInput {}
    impl<F> Sealed for super::InputOf<F> {}
}

/// Captures nothing of the input.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoInput;

impl<Req> ExtractInput<Req> for NoInput {
    fn input(&self, _request: &Req) -> RunInput {
        RunInput::default()
    }
}

/// Captures the input that a closure returns. Created by [`RunLayer::input`](crate::RunLayer::input).
#[derive(Clone)]
pub struct InputOf<F>(pub(super) F);

impl<Req, F, T> ExtractInput<Req> for InputOf<F>
where
    F: Fn(&Req) -> T + Clone,
    T: Into<RunInput>,
{
    fn input(&self, request: &Req) -> RunInput {
        (self.0)(request).into()
    }
}

impl<F> fmt::Debug for InputOf<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InputOf").finish_non_exhaustive()
    }
}
