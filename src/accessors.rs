//! Methods that every service of the crate has: those of Tower's own services, and `checked`.

/// Defines `checked` of a service.
macro_rules! checked {
    () => {
        /// Returns the service, and checks here that it is a [`Service`](tower::Service) for a type of requests. If a bound is not
        /// fulfilled, the compile error says which one of the stack, and not only that the service cannot be called.
        ///
        /// See [`bounds`](crate::bounds).
        #[must_use]
        pub fn checked<Req>(self) -> Self
        where
            Self: tower::Service<Req>,
        {
            self
        }
    };
}

/// Defines `get_ref`, `get_mut` and `into_inner` of a service with a field `inner` of type `S`, and `checked`.
macro_rules! accessors {
    () => {
        /// Returns a reference to the inner service.
        pub fn get_ref(&self) -> &S {
            &self.inner
        }

        /// Returns a mutable reference to the inner service.
        pub fn get_mut(&mut self) -> &mut S {
            &mut self.inner
        }

        /// Returns the inner service.
        pub fn into_inner(self) -> S {
            self.inner
        }

        $crate::accessors::checked!();
    };
}

pub(crate) use {accessors, checked};
