//! Methods that every service of the crate has, as Tower's own services do.

/// Defines `get_ref`, `get_mut` and `into_inner` of a service with a field `inner` of type `S`.
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
    };
}

pub(crate) use accessors;
