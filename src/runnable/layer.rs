use std::{future::Future, sync::Arc};

use serde_json::Value;
use tower::{BoxError, Layer};

use super::{
    ExtractInput, Fold, InputOf, NoInput, NoOutput, OutputKind, OutputOf, RunFuture, RunService,
    Streaming, Unary, Untold, output::Told, service::FutureService,
};
use crate::{
    callbacks::{Call, Callbacks, Emitter, RunSpec, run_settings},
    event::RunInput,
    run::RunType,
};

/// Makes a run of each call of a service: a chain, a tool or a retriever.
///
/// It wraps any `Service<Req>`, and tells start, end and error with the same promises, delivery and phases
/// as a [`CallbackLayer`](crate::CallbackLayer). The calls of wrapped services that are made inside are its
/// children, without anything passed: LangChain's `RunnableLambda` is a `service_fn`, a `RunnableGenerator` a
/// service whose response is a stream, a `@tool` a service with a name.
///
/// Nothing of requests and responses is told unless [`input`](Self::input), [`output`](Self::output) or
/// [`fold`](Self::fold) say what. Errors are boxed, so that they downcast.
///
/// # When handlers are called
///
/// - **start**: in `call`; the inner service is called when every awaited handler has returned.
/// - **end** or **error**: when the response is ready or, of a [`streaming`](Self::streaming) one, when the
///   stream ends, fails or is dropped. The caller gets the response (the last item) after awaited handlers
///   have returned from it.
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
    /// A layer whose runs are chains: services that call others.
    pub fn chain(name: impl Into<Arc<str>>) -> Self {
        Self::new(RunType::Chain, name.into())
    }

    /// A layer whose runs are tools.
    pub fn tool(name: impl Into<Arc<str>>) -> Self {
        Self::new(RunType::Tool, name.into())
    }

    /// A layer whose runs are retrievers: services that find documents.
    pub fn retriever(name: impl Into<Arc<str>>) -> Self {
        Self::new(RunType::Retriever, name.into())
    }

    fn new(run_type: RunType, name: Arc<str>) -> Self {
        Self::of(Arc::new(RunSpec { name, ..RunSpec::new(run_type, Callbacks::new()) }))
    }

    pub(crate) fn of(spec: Arc<RunSpec>) -> Self {
        Self { spec, input: NoInput, kind: Unary(NoOutput) }
    }
}

impl<I, O> RunLayer<I, O> {
    run_settings!();

    /// Says what handlers are told of a request: JSON, or a [`RunInput`], which may have the id of a tool
    /// call. Called once for each run, if somebody hears of it. Secrets under telling names are covered.
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
    /// Says what handlers are told of a response, as JSON. Called once for each run that completes, if
    /// somebody hears of its end.
    #[must_use]
    pub fn output<Res, F, T>(self, output: F) -> RunLayer<I, Unary<OutputOf<F>>>
    where
        F: Fn(&Res) -> T + Clone,
        T: Into<Value>,
    {
        RunLayer { spec: self.spec, input: self.input, kind: Unary(OutputOf(output)) }
    }

    /// For services whose response is a `Stream<Item = Result<T, E>>`: the run ends with the stream.
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
        RunLayer { spec: self.spec, input: self.input, kind: Streaming(Untold::default()) }
    }

    /// The same, and handlers are told what the items add up to: `sum`, to which `add` adds each. An error
    /// tells what there was until then.
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

    /// Makes a run of a future: for work that is no service. The run starts here, before the future is
    /// polled, and what it is [told](Self::input) of its input is said of `()`.
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
        Unary<O>: OutputKind<T, Response = T, Sum = Untold>,
    {
        let kind = self.kind.clone();
        let Some(opened) = self.spec.open(None) else {
            return RunFuture::new(Call::calling(future), None, kind);
        };
        let emitter = Emitter::begin(opened, || self.input.input(&()), kind.sum());
        let call = Call::starting(FutureService(Some(future)), ());
        RunFuture::new(call, Some(Told(Box::new(emitter))), kind)
    }
}

/// What [`RunLayer::run`] gives.
type OneRun<F, O, T> = RunFuture<FutureService<F>, (), F, O, T, Untold>;

impl<S, I: Clone, O: Clone> Layer<S> for RunLayer<I, O> {
    type Service = RunService<S, I, O>;

    fn layer(&self, inner: S) -> Self::Service {
        RunService::new(inner, Arc::clone(&self.spec), self.input.clone(), self.kind.clone())
    }
}
