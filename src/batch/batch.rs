use std::{future::Future, pin::Pin, sync::Arc};

use futures_core::Stream;
use futures_util::{StreamExt, stream};
use serde_json::json;
use tower::{BoxError, Service};

use super::{BatchResult, one::one};
use crate::{
    bounds::{CloneService, IntoBoxError, ResultStream},
    callbacks::Callbacks,
    extract::LlmChunk,
    lifecycle::{RunConfig, RunSpec, run_settings},
    run::RunType,
    runnable::RunLayer,
};

/// A builder of batches, which call a model with several requests at once, as LangChain's `agenerate` does.
///
/// Each request is one call, with its own run if the model is wrapped in a callback layer. These runs are children of
/// a chain run named `generate`, which exists if a handler observes it: one of this builder, of a
/// [`RunConfig`] around the call, or inherited from the current run. A failed call does not affect the others.
///
/// Nothing is spawned: dropping the future drops every call, and each run ends exactly once.
///
/// ```
/// use std::error::Error;
///
/// use tower::Layer;
/// use tower_llm_callbacks::{CallbackLayer, Callbacks, on_llm_end, batch::Batch, chat::ChatRequest};
///
/// # use tower_llm_callbacks::testing::{Script, ScriptedModel};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), tower::BoxError> {
/// # let model = ScriptedModel::new(Script::answer(["4"]));
/// let callbacks = Callbacks::new().blocking(on_llm_end(|run, _| println!("{:?}", run.parent_run_id())));
/// let model = CallbackLayer::new(callbacks).layer(model);
///
/// let sums = ["1 + 3", "2 + 2"].map(|sum| ChatRequest::new("any").user(sum));
/// let batch = Batch::new().limit(8).run(&model, sums).await?;
/// for result in &batch.generations {
///     match result {
///         Ok(result) => println!("{}", result.text()),
///         Err(error) => println!("{:?} after {:?}", error.source(), error.partial().text()),
///     }
/// }
/// # assert_eq!(batch.generations.len(), 2);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Batch {
    spec: Arc<RunSpec>,
    limit: usize,
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

impl Batch {
    /// Creates a batch of at most 16 concurrent calls, without callbacks.
    pub fn new() -> Self {
        let spec = RunSpec::new(RunType::Chain, Callbacks::new());
        Self { spec: Arc::new(RunSpec { name: Some("generate".into()), ..spec }), limit: 16 }
    }

    /// Sets the maximum number of concurrent calls. The default is 16.
    ///
    /// # Panics
    ///
    /// If the limit is 0.
    #[must_use]
    pub fn limit(mut self, calls: usize) -> Self {
        assert!(calls > 0, "the limit of a batch must be at least 1");
        self.limit = calls;
        self
    }

    run_settings!();

    /// Calls a clone of the model for each request, which may have any type that the model takes.
    ///
    /// No call is made before the future is polled.
    ///
    /// # Errors
    ///
    /// Only if a handler [aborts](crate::Run::abort) the run of the whole batch. Errors of single calls are in the
    /// [`BatchResult`].
    // Boxed, because the compiler cannot always prove that a task is `Send` if its future contains the model's types,
    // even if their lifetimes are `'static`.
    pub fn run<'f, S, Req, C, E>(
        &self,
        model: &S,
        requests: impl IntoIterator<Item = Req>,
    ) -> Pin<Box<dyn Future<Output = Result<BatchResult, BoxError>> + Send + 'f>>
    where
        S: Service<Req> + CloneService + Send + 'f,
        S::Error: IntoBoxError,
        S::Future: Send + 'f,
        S::Response: ResultStream + Stream<Item = Result<C, E>> + Send + 'f,
        Req: Send + 'f,
        C: LlmChunk,
        E: IntoBoxError,
    {
        let (spec, limit, model) = (Arc::clone(&self.spec), self.limit, model.clone());
        let requests: Vec<Req> = requests.into_iter().collect();
        let count = requests.len();
        let all = async move {
            let calls = requests.into_iter().enumerate().map(move |(index, request)| {
                let config = RunConfig::new();
                let run = config.handle();
                let answer = one(model.clone(), request);
                async move { (index, config.scope(answer).await, run.run_id()) }
            });
            let mut batch = BatchResult::of(count);
            let mut answers = stream::iter(calls).buffer_unordered(limit);
            while let Some((index, result, run_id)) = answers.next().await {
                batch.set(index, result, run_id);
            }
            Ok::<_, BoxError>(batch)
        };
        Box::pin(async move {
            RunLayer::of(spec)
                .input(move |_: &()| json!({"prompts": count}))
                .output(|batch: &BatchResult| json!(batch.llm_output()))
                .run(all)
                .await
        })
    }

    fn change(mut self, change: impl FnOnce(&mut RunSpec)) -> Self {
        change(Arc::make_mut(&mut self.spec));
        self
    }
}
