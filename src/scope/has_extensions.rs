use http::Extensions;

use crate::chat::ChatRequest;

/// A request with extensions, which can carry the current run to the task that makes the call.
///
/// Implement it for your own requests that pass a [`RunContextLayer`](crate::scope::RunContextLayer).
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no extensions to carry a run",
    note = "a `RunContextLayer` needs a `ChatRequest`, an `http::Request`, or a request of your own with a field of `http::Extensions`, for which you implement `HasExtensions`"
)]
pub trait HasExtensions {
    /// Returns the extensions.
    fn extensions(&self) -> &Extensions;

    /// Returns the extensions, to store the run.
    fn extensions_mut(&mut self) -> &mut Extensions;
}

impl HasExtensions for ChatRequest {
    fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }
}

impl<B> HasExtensions for http::Request<B> {
    fn extensions(&self) -> &Extensions {
        self.extensions()
    }

    fn extensions_mut(&mut self) -> &mut Extensions {
        self.extensions_mut()
    }
}
