use http::Extensions;

use crate::chat::ChatRequest;

/// A request that has extensions, in which the current run can travel to where another task makes the call.
///
/// Implement it for requests of your own that are to pass a [`RunContextLayer`](crate::scope::RunContextLayer).
pub trait HasExtensions {
    /// Its extensions.
    fn extensions(&self) -> &Extensions;

    /// Its extensions, to put the run into.
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
