use tower::Layer;

use super::{CallbackService, runs::Runs};
use crate::{
    callbacks::Callbacks,
    event::{Delta, LlmStart},
    extract::{FnExtractor, TraitExtractor},
    lifecycle::{RunSpec, llm_settings, run_settings},
    run::RunType,
};

/// Emits the events of an LLM service to callbacks: start, each token, and exactly one end.
///
/// Wraps any `Service<Req>` whose response is a `Stream<Item = Result<Chunk, E>>`, where `Req` is an
/// [`LlmRequest`](crate::LlmRequest) and `Chunk` an [`LlmChunk`](crate::LlmChunk). For foreign types, see
/// [`extract`](CallbackLayer::extract). Items and errors pass unchanged; errors are boxed.
///
/// # When handlers are called
///
/// - **start**: in `call`. The inner service is called when every awaited handler has returned, or at once if no
///   handler is awaited.
/// - **token**: when the inner stream yields an item with content, before the consumer gets it (inline and lockstep
///   handlers), or soon after (others).
/// - **end** or **error**: when the stream ends, fails, or is dropped. The consumer gets the last item (`None`, or an
///   error) after awaited handlers have returned from it.
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
    runs: Runs<D>,
}

impl CallbackLayer {
    /// Creates a layer with callbacks for its own runs, but not for their children.
    pub fn new(callbacks: impl Into<Callbacks>) -> Self {
        Self { runs: Runs::new(RunType::Llm, callbacks.into()) }
    }
}

impl<D> CallbackLayer<D> {
    run_settings!();
    llm_settings!();

    /// Reads foreign requests and chunks by two closures: one returns the start of a call, the other calls `each` for
    /// every delta of a chunk. The end of the stream completes a run.
    ///
    /// Closures cannot put the run into the request: it does not follow across `tower::Buffer`.
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
        CallbackLayer { runs: self.runs.extract(request, chunk, false) }
    }

    /// As [`extract`](Self::extract), for streams in which one chunk holds [`Delta::Done`]. A stream that ends without
    /// it is truncated.
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
        CallbackLayer { runs: self.runs.extract(request, chunk, true) }
    }

    fn change(mut self, change: impl FnOnce(&mut RunSpec)) -> Self {
        self.runs.change(change);
        self
    }
}

impl<S, D: Clone> Layer<S> for CallbackLayer<D> {
    type Service = CallbackService<S, D>;

    fn layer(&self, inner: S) -> Self::Service {
        CallbackService::from_runs(inner, self.runs.clone())
    }
}
