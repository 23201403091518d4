use std::sync::Arc;

use tower::Layer;

use super::CallbackService;
use crate::{
    callbacks::{Callbacks, RunSpec, run_settings},
    event::{Delta, LlmStart},
    extract::{FnExtractor, TraitExtractor},
    run::RunType,
};

/// Tells callbacks what happens in an LLM service: start, each token, and exactly one end.
///
/// It wraps any `Service<Req>` whose response is a `Stream<Item = Result<Chunk, E>>`, where `Req` is an
/// [`LlmRequest`](crate::LlmRequest) and `Chunk` an [`LlmChunk`](crate::LlmChunk) (or foreign types,
/// with [`extract`](CallbackLayer::extract)). Items and errors go through unchanged, errors boxed.
///
/// # When handlers are called
///
/// - **start**: in `call`; the inner service is called when every awaited handler has returned. Where
///   none has to be awaited, that is at once.
/// - **token**: when an item that carries content comes out of the inner stream, before the consumer
///   has it (inline and lockstep handlers), or soon after (others).
/// - **end** or **error**: when the stream ends, fails, or is dropped. The consumer gets the last item
///   (`None`, or an error) after awaited handlers have returned from it.
///
/// ```
/// use tower::{Layer, Service, ServiceExt, service_fn};
/// use tower_llm_callbacks::{CallbackLayer, Callbacks, on_llm_new_token, chat::{ChatChunk, ChatRequest}};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), tower::BoxError> {
/// let callbacks = Callbacks::new().blocking(on_llm_new_token(|_run, token| println!("{}", token.text())));
///
/// let model = service_fn(|_request: ChatRequest| async {
///     let chunks = [ChatChunk::text("Hello"), ChatChunk::Done].map(Ok::<_, std::io::Error>);
///     Ok::<_, std::io::Error>(futures::stream::iter(chunks))
/// });
/// let mut model = CallbackLayer::new(callbacks).name("greeter").layer(model);
/// let answer = model.ready().await?.call(ChatRequest::new("any").user("Hi")).await?;
/// # let _ = tower_llm_callbacks::chat::collect(answer).await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct CallbackLayer<D = TraitExtractor> {
    spec: Arc<RunSpec>,
    extract: D,
}

impl CallbackLayer {
    /// A layer with callbacks of its own: child runs do not get them.
    pub fn new(callbacks: Callbacks) -> Self {
        Self { spec: Arc::new(RunSpec::new(RunType::Llm, callbacks)), extract: TraitExtractor }
    }
}

impl<D> CallbackLayer<D> {
    run_settings!();

    /// Reads requests and chunks of foreign types by two closures: what a call asks for, and which
    /// deltas a chunk holds. The end of the stream completes a run.
    ///
    /// Closures cannot put the run into the request: across `tower::Buffer` it does not follow.
    ///
    /// ```
    /// use tower_llm_callbacks::{CallbackLayer, Callbacks, Delta, LlmStart};
    ///
    /// let layer = CallbackLayer::new(Callbacks::new()).extract(
    ///     |prompt: &String| LlmStart::new("acme", "complete").model("acme-1"),
    ///     |word: &String, each: &mut dyn FnMut(Delta<'_>)| each(Delta::text(word)),
    /// );
    /// ```
    #[must_use]
    pub fn extract<R, C, Req, Chunk>(self, request: R, chunk: C) -> CallbackLayer<FnExtractor<R, C>>
    where
        R: Fn(&Req) -> LlmStart + Clone,
        C: Fn(&Chunk, &mut dyn FnMut(Delta<'_>)) + Clone,
    {
        CallbackLayer { spec: self.spec, extract: FnExtractor::new(request, chunk, false) }
    }

    /// As [`extract`](Self::extract), for chunks of which one holds [`Delta::Done`]: a stream that
    /// ends without it is truncated.
    #[must_use]
    pub fn extract_terminated<R, C, Req, Chunk>(
        self,
        request: R,
        chunk: C,
    ) -> CallbackLayer<FnExtractor<R, C>>
    where
        R: Fn(&Req) -> LlmStart + Clone,
        C: Fn(&Chunk, &mut dyn FnMut(Delta<'_>)) + Clone,
    {
        CallbackLayer { spec: self.spec, extract: FnExtractor::new(request, chunk, true) }
    }

    fn change(mut self, change: impl FnOnce(&mut RunSpec)) -> Self {
        change(Arc::make_mut(&mut self.spec));
        self
    }
}

impl<S, D: Clone> Layer<S> for CallbackLayer<D> {
    type Service = CallbackService<S, D>;

    fn layer(&self, inner: S) -> Self::Service {
        CallbackService::new(inner, Arc::clone(&self.spec), self.extract.clone())
    }
}
