use std::{future::Future, sync::Arc};

use serde_json::Value;
use tower::{BoxError, Layer};

use super::{
    ExtractInput, Fold, FutureService, InputOf, NoInput, NoOutput, OutputKind, OutputOf, RunFuture,
    RunService, Streaming, Unary, WholeOutput,
};
use crate::{
    callbacks::Callbacks,
    event::RunInput,
    lifecycle::{CallFuture, RunSpec, run_settings, start_runnable},
    run::RunType,
};

/// Makes a run of each call of a service: a chain, a tool or a retriever.
///
/// Wraps any `Service<Req>`, and emits start, end and error with the promises, delivery and phases of a
/// [`CallbackLayer`](crate::CallbackLayer). Calls of wrapped services made inside are children of the run, without
/// passing anything: LangChain's `RunnableLambda` is a `service_fn`, a `RunnableGenerator` a service whose response is a
/// stream, a `@tool` a service with a name.
///
/// Requests and responses are not captured, unless [`input`](Self::input), [`output`](Self::output) or
/// [`fold`](Self::fold) extract something. Errors are boxed, so that they downcast.
///
/// # When handlers are called
///
/// - **start**: in `call`. The inner service is called when every awaited handler has returned.
/// - **end** or **error**: when the response is ready or, if it is [`streaming`](Self::streaming), when the stream
///   ends, fails or is dropped. The caller gets the response, or the last item, after awaited handlers have returned
///   from it.
///
/// ```
/// use serde_json::json;
/// use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
/// use tower_llm_callbacks::{Callbacks, RunInput, RunLayer, ToolCall, on_event};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), BoxError> {
/// let callbacks = Callbacks::new().blocking(on_event(|run, event| {
///     println!("{} {}", run.name(), event.kind());
/// }));
///
/// let weather = service_fn(|_: ToolCall| async { Ok::<_, BoxError>("18 °C, sunny".to_owned()) });
/// let mut weather = RunLayer::tool("get_weather")
///     .callbacks(&callbacks)
///     .input(|call: &ToolCall| RunInput::from(call)) // its arguments, and the call's id
///     .output(|answer: &String| json!(answer))
///     .layer(weather);
///
/// let call = ToolCall::new("call_1", "get_weather", r#"{"city":"Paris"}"#);
/// assert_eq!(weather.ready().await?.call(call).await?, "18 °C, sunny");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct RunLayer<I = NoInput, O = Unary> {
    spec: Arc<RunSpec>,
    input: I,
    kind: O,
}

impl RunLayer {
    /// Creates a layer whose runs are chains: services that call others.
    pub fn chain(name: impl Into<Arc<str>>) -> Self {
        Self::new(RunType::Chain, name.into())
    }

    /// Creates a layer whose runs are tools.
    pub fn tool(name: impl Into<Arc<str>>) -> Self {
        Self::new(RunType::Tool, name.into())
    }

    /// Creates a layer whose runs are retrievers: services that find documents.
    pub fn retriever(name: impl Into<Arc<str>>) -> Self {
        Self::new(RunType::Retriever, name.into())
    }

    fn new(run_type: RunType, name: Arc<str>) -> Self {
        Self::of(Arc::new(RunSpec { name: Some(name), ..RunSpec::new(run_type, Callbacks::new()) }))
    }

    pub(crate) fn of(spec: Arc<RunSpec>) -> Self {
        Self { spec, input: NoInput, kind: Unary(NoOutput) }
    }
}

impl<I, O> RunLayer<I, O> {
    run_settings!();

    /// Captures what a closure returns for a request: JSON, or a [`RunInput`], which may have the id of a tool call.
    ///
    /// The closure is called once for each run, if a handler wants it. Values under names of secrets are redacted. If it
    /// panics, the run has no input.
    #[must_use]
    pub fn input<Req, F, T>(self, input: F) -> RunLayer<InputOf<F>, O>
    where
        F: Fn(&Req) -> T + Clone,
        T: Into<RunInput>,
    {
        RunLayer { spec: self.spec, input: InputOf(input), kind: self.kind }
    }

    fn change(mut self, change: impl FnOnce(&mut RunSpec)) -> Self {
        change(Arc::make_mut(&mut self.spec));
        self
    }
}

impl<I, O> RunLayer<I, Unary<O>> {
    /// Captures what a closure returns for a response, as JSON.
    ///
    /// The closure is called once for each run that completes, if a handler wants its end. If it panics, the run has no output.
    #[must_use]
    pub fn output<Res, F, T>(self, output: F) -> RunLayer<I, Unary<OutputOf<F>>>
    where
        F: Fn(&Res) -> T + Clone,
        T: Into<Value>,
    {
        RunLayer { spec: self.spec, input: self.input, kind: Unary(OutputOf(output)) }
    }

    /// Ends the runs with their streams, for services whose response is a `Stream<Item = Result<T, E>>`.
    ///
    /// ```
    /// use futures::{StreamExt, stream};
    /// use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
    /// use tower_llm_callbacks::{Callbacks, RunLayer, on_event};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), BoxError> {
    /// # let callbacks = Callbacks::new().blocking(on_event(|run, event| println!("{}", event.kind())));
    /// let words = service_fn(|text: String| async move {
    ///     let words: Vec<_> = text.split(' ').map(|word| Ok::<_, BoxError>(word.to_owned())).collect();
    ///     Ok::<_, BoxError>(stream::iter(words))
    /// });
    /// let mut words = RunLayer::chain("words").callbacks(&callbacks).streaming().layer(words);
    /// let mut stream = words.ready().await?.call("Why can't a bicycle".to_owned()).await?;
    /// assert_eq!(stream.next().await.unwrap()?, "Why");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn streaming(self) -> RunLayer<I, Streaming> {
        RunLayer { spec: self.spec, input: self.input, kind: Streaming(WholeOutput::default()) }
    }

    /// As [`streaming`](Self::streaming), and captures what the items add up to: `sum`, to which `add` adds each item.
    /// If the run fails, its error has the sum until then.
    ///
    /// Model answers add up in an [`Accumulator`](crate::event::Accumulator):
    ///
    /// ```
    /// use tower_llm_callbacks::{RunLayer, chat::ChatChunk, event::Accumulator};
    ///
    /// let layer = RunLayer::chain("answer")
    ///     .fold(Accumulator::new(), |answer, chunk: &ChatChunk| answer.delta(chunk));
    ///
    /// let layer = RunLayer::chain("words")
    ///     .fold(String::new(), |text, word: &String| text.push_str(word));
    /// ```
    #[must_use]
    pub fn fold<A, T, F>(self, sum: A, add: F) -> RunLayer<I, Streaming<Fold<A, F>>>
    where
        A: Clone + Into<Value>,
        F: Fn(&mut A, &T) + Clone,
    {
        RunLayer { spec: self.spec, input: self.input, kind: Streaming(Fold::new(sum, add)) }
    }

    /// Makes a run of a future, for work that is not a service.
    ///
    /// The run starts in this call, before the future is polled. Its [`input`](Self::input) is extracted from `()`.
    ///
    /// ```
    /// # use tower::BoxError;
    /// # use tower_llm_callbacks::{Callbacks, Run, RunLayer, on_event};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), BoxError> {
    /// # let callbacks = Callbacks::new().blocking(on_event(|run, event| println!("{}", event.kind())));
    /// let report = RunLayer::chain("report").callbacks(&callbacks).run(async {
    ///     // Calls of wrapped services that are made here are its children.
    ///     Ok::<_, BoxError>(Run::current().unwrap().name().to_owned())
    /// });
    /// assert_eq!(report.await?, "report");
    /// # Ok(()) }
    /// ```
    pub fn run<F, T, E>(&self, future: F) -> OneRun<F, Unary<O>, T>
    where
        F: Future<Output = Result<T, E>>,
        E: Into<BoxError>,
        I: ExtractInput<()>,
        Unary<O>: OutputKind<T, Response = T, Output = WholeOutput>,
    {
        let kind = self.kind.clone();
        let Some(new_run) = self.spec.open(None) else {
            return RunFuture::new(CallFuture::unobserved(future), kind);
        };
        let emitter = Box::new(start_runnable(new_run, || self.input.input(&()), kind.output()));
        let call = CallFuture::starting(FutureService(Some(future)), (), emitter, None);
        RunFuture::new(call, kind)
    }
}

/// The future of [`RunLayer::run`].
type OneRun<F, O, T> = RunFuture<FutureService<F>, (), F, O, T, WholeOutput>;

impl<S, I: Clone, O: Clone> Layer<S> for RunLayer<I, O> {
    type Service = RunService<S, I, O>;

    fn layer(&self, inner: S) -> Self::Service {
        RunService::from_spec(inner, Arc::clone(&self.spec), self.input.clone(), self.kind.clone())
    }
}
