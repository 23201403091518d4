use std::fmt;

use super::{LlmChunk, LlmRequest};
use crate::event::{Delta, LlmStart};

/// Reads requests of type `Req` for a layer.
///
/// Sealed. [`TraitExtractor`] uses [`LlmRequest`] and [`LlmChunk`], [`FnExtractor`] uses closures.
pub trait ExtractRequest<Req>: Clone + sealed::Sealed {
    #[doc(hidden)]
    fn start(&self, request: &Req) -> LlmStart;
    #[doc(hidden)]
    fn extensions<'r>(&self, request: &'r Req) -> Option<&'r http::Extensions>;
    #[doc(hidden)]
    fn extensions_mut<'r>(&self, request: &'r mut Req) -> Option<&'r mut http::Extensions>;
}

/// Reads chunks of type `Chunk` for a layer. Sealed, like [`ExtractRequest`].
pub trait ExtractChunk<Chunk>: Clone + sealed::Sealed {
    #[doc(hidden)]
    fn deltas(&self, chunk: &Chunk, each: &mut dyn FnMut(Delta<'_>));
    #[doc(hidden)]
    fn has_end_mark(&self) -> bool;
}

mod sealed {
    #[expect(unnameable_types, reason = "sealed")]
    pub trait Sealed {}
    impl Sealed for super::TraitExtractor {}
    impl<R, C> Sealed for super::FnExtractor<R, C> {}
}

/// An extractor for types that implement [`LlmRequest`] and [`LlmChunk`].
#[derive(Debug, Clone, Copy, Default)]
pub struct TraitExtractor;

impl<Req: LlmRequest> ExtractRequest<Req> for TraitExtractor {
    fn start(&self, request: &Req) -> LlmStart {
        request.llm_start()
    }

    fn extensions<'r>(&self, request: &'r Req) -> Option<&'r http::Extensions> {
        request.extensions()
    }

    fn extensions_mut<'r>(&self, request: &'r mut Req) -> Option<&'r mut http::Extensions> {
        request.extensions_mut()
    }
}

impl<Chunk: LlmChunk> ExtractChunk<Chunk> for TraitExtractor {
    fn deltas(&self, chunk: &Chunk, each: &mut dyn FnMut(Delta<'_>)) {
        chunk.deltas(each);
    }

    fn has_end_mark(&self) -> bool {
        Chunk::HAS_END_MARK
    }
}

/// An extractor that reads foreign types with two closures, created by
/// [`CallbackLayer::extract`](crate::CallbackLayer::extract).
#[derive(Clone)]
pub struct FnExtractor<R, C> {
    request: R,
    chunk: C,
    end_mark: bool,
}

impl<R, C> FnExtractor<R, C> {
    pub(crate) fn new(request: R, chunk: C, end_mark: bool) -> Self {
        Self { request, chunk, end_mark }
    }
}

impl<R, C, Req> ExtractRequest<Req> for FnExtractor<R, C>
where
    R: Fn(&Req) -> LlmStart + Clone,
    C: Clone,
{
    fn start(&self, request: &Req) -> LlmStart {
        (self.request)(request)
    }

    fn extensions<'r>(&self, _request: &'r Req) -> Option<&'r http::Extensions> {
        None
    }

    fn extensions_mut<'r>(&self, _request: &'r mut Req) -> Option<&'r mut http::Extensions> {
        None
    }
}

impl<R, C, Chunk> ExtractChunk<Chunk> for FnExtractor<R, C>
where
    R: Clone,
    C: Fn(&Chunk, &mut dyn FnMut(Delta<'_>)) + Clone,
{
    fn deltas(&self, chunk: &Chunk, each: &mut dyn FnMut(Delta<'_>)) {
        (self.chunk)(chunk, each);
    }

    fn has_end_mark(&self) -> bool {
        self.end_mark
    }
}

impl<R, C> fmt::Debug for FnExtractor<R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FnExtractor").field("end_mark", &self.end_mark).finish_non_exhaustive()
    }
}
