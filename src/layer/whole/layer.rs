use tower::Layer;

use super::{super::runs::Runs, ModelService};
use crate::{
    callbacks::Callbacks,
    event::{Delta, LlmStart},
    extract::{FnExtractor, TraitExtractor},
    lifecycle::{RunSpec, llm_settings, run_settings},
    run::RunType,
};

/// Emits the events of a model whose response is whole, not a stream: start and exactly one end.
///
/// Wraps any `Service<Req>`, where `Req` is an [`LlmRequest`](crate::LlmRequest) and the response an
/// [`LlmChunk`](crate::LlmChunk). For foreign types, see [`extract`](Self::extract). Usage, prices, estimates, phases and
/// promises are those of a [`CallbackLayer`](crate::CallbackLayer). Responses pass unchanged; errors are boxed.
///
/// ```
/// use serde_json::json;
/// use tower::{BoxError, Layer, service_fn};
/// use tower_llm_callbacks::{Callbacks, Delta, LlmStart, Prompt, Usage, layer::ModelLayer, on_event};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), BoxError> {
/// let callbacks = Callbacks::new().blocking(on_event(|run, event| {
///     if let Some(result) = event.data().result() {
///         println!("{}: {:?} vectors", run.run_type(), result.outputs);
///     }
/// }));
///
/// // The client of a service of embeddings, which counts its tokens.
/// let client = service_fn(|texts: Vec<String>| async move {
///     Ok::<_, BoxError>((vec![[0.1, 0.2]; texts.len()], 5))
/// });
/// let embed = ModelLayer::embedding(callbacks)
///     .extract(
///         |texts: &Vec<String>| {
///             LlmStart::new("acme", "embed")
///                 .model("acme-embed-1")
///                 .inputs(texts.len() as u64)
///                 .messages(Prompt::json(json!(texts)))
///         },
///         |(vectors, tokens): &(Vec<[f64; 2]>, u64), each: &mut dyn FnMut(Delta<'_>)| {
///             each(Delta::Outputs { count: vectors.len() as u64, dimensions: Some(2) });
///             let mut usage = Usage::default();
///             usage.input_tokens = Some(*tokens);
///             each(Delta::usage(usage));
///         },
///     )
///     .layer(client);
/// let (vectors, _) = embed.oneshot(vec!["Why can't a bicycle stand up?".to_owned()]).await?;
/// assert_eq!(vectors.len(), 1);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct ModelLayer<D = TraitExtractor> {
    runs: Runs<D>,
}

impl ModelLayer {
    /// Creates a layer whose runs are calls of embedding models.
    pub fn embedding(callbacks: impl Into<Callbacks>) -> Self {
        Self::of(RunType::Embedding, callbacks.into())
    }

    /// Creates a layer whose runs are calls of models that rank documents.
    pub fn rerank(callbacks: impl Into<Callbacks>) -> Self {
        Self::of(RunType::Rerank, callbacks.into())
    }

    /// Creates a layer whose runs are calls of models that make images.
    pub fn image(callbacks: impl Into<Callbacks>) -> Self {
        Self::of(RunType::Image, callbacks.into())
    }

    /// Creates a layer whose runs are calls of models of speech.
    pub fn audio(callbacks: impl Into<Callbacks>) -> Self {
        Self::of(RunType::Audio, callbacks.into())
    }

    /// Creates a layer whose runs are calls of models that moderate.
    pub fn moderation(callbacks: impl Into<Callbacks>) -> Self {
        Self::of(RunType::Moderation, callbacks.into())
    }

    /// Creates a layer whose runs are calls of language models that return their answers whole.
    pub fn llm(callbacks: impl Into<Callbacks>) -> Self {
        Self::of(RunType::Llm, callbacks.into())
    }

    fn of(run_type: RunType, callbacks: Callbacks) -> Self {
        Self { runs: Runs::new(run_type, callbacks) }
    }
}

impl<D> ModelLayer<D> {
    run_settings!();
    llm_settings!();

    /// Reads foreign requests and responses by two closures: one returns the start of a call, the other calls `each` for
    /// every fact of a response: its [outputs](Delta::Outputs), usage, model and id, and text, where there is some.
    ///
    /// A [`Delta::Error`] ends the run in that error. Closures cannot put the run into the request: it does not follow
    /// across `tower::Buffer`.
    #[must_use]
    pub fn extract<R, C, Req, Res>(self, request: R, response: C) -> ModelLayer<FnExtractor<R, C>>
    where
        R: Fn(&Req) -> LlmStart + Clone,
        C: Fn(&Res, &mut dyn FnMut(Delta<'_>)) + Clone,
    {
        ModelLayer { runs: self.runs.extract(request, response, false) }
    }

    fn change(mut self, change: impl FnOnce(&mut RunSpec)) -> Self {
        self.runs.change(change);
        self
    }
}

impl<S, D: Clone> Layer<S> for ModelLayer<D> {
    type Service = ModelService<S, D>;

    fn layer(&self, inner: S) -> Self::Service {
        ModelService::from_runs(inner, self.runs.clone())
    }
}
