use support::{
    futures::stream,
    tower::{BoxError, Layer, ServiceBuilder, service_fn, util::BoxService},
    tower_llm_callbacks::{
        AttemptsLayer, CallbackLayer, Callbacks, Delta, LlmStart, RunLayer,
        chat::{ChatChunk, ChatRequest, ChatStream},
        drain::StreamDrainLayer,
        layer::ModelLayer,
        retry::RetryPolicy,
        scope::{Fallback, RunContextLayer},
        testing::{Script, ScriptedModel},
        timeout::StreamTimeoutLayer,
    },
};
use std::time::Duration;

fn layer() -> CallbackLayer {
    CallbackLayer::new(Callbacks::new())
}

fn model() -> ScriptedModel {
    ScriptedModel::new(Script::answer(["Hello"]))
}

/// An error that does not implement `Error`.
pub struct Foreign;

/// A request, chunk or item that implements nothing.
pub struct Unknown;

// Missing `Clone`.

fn rate_limit() {
    let stack = ServiceBuilder::new().layer(layer()).rate_limit(1, Duration::from_secs(1)).service(model());
    let _ = stack.checked::<ChatRequest>(); //~ is not `Clone`
}

fn boxed() {
    let _ = layer().layer(BoxService::new(model())).checked::<ChatRequest>(); //~ `BoxCloneService` takes the place of `BoxService`
}

fn chain() {
    let tool = BoxService::new(service_fn(|_: String| async { Ok::<_, BoxError>(1) }));
    let _ = RunLayer::tool("count").layer(tool).checked::<String>(); //~ a layer above this service needs it to be `Clone`
}

fn embedding() {
    let model = BoxService::new(service_fn(|_: String| async { Ok::<_, BoxError>(ChatChunk::Done) }));
    let layer = ModelLayer::embedding(Callbacks::new());
    let layer = layer.extract(|_: &String| LlmStart::new("a", "b"), |_: &ChatChunk, _: &mut dyn FnMut(Delta<'_>)| {});
    let _ = layer.layer(model).checked::<String>(); //~ put `.buffer(…)`
}

fn deep() {
    let stack = ServiceBuilder::new()
        .layer(AttemptsLayer::new())
        .layer(StreamTimeoutLayer::new())
        .layer(StreamDrainLayer::new())
        .layer(layer())
        .service(BoxService::new(model()));
    let _ = stack.checked::<ChatRequest>(); //~ is not `Clone`
}

// Plain items, and responses that are no streams.

fn items() {
    let model = service_fn(|_: ChatRequest| async { Ok::<_, BoxError>(stream::iter([ChatChunk::Done])) });
    let _ = layer().layer(model).checked::<ChatRequest>(); //~ is not a stream of results
    let _ = StreamTimeoutLayer::new().layer(model).checked::<ChatRequest>(); //~ wrap each in `Ok::<_, BoxError>`
    let _ = StreamDrainLayer::new().layer(model).checked::<ChatRequest>(); //~ is not a stream of results
    let stack = ServiceBuilder::new().layer(layer()).layer(StreamTimeoutLayer::new()).service(model);
    let _ = stack.checked::<ChatRequest>(); //~ is not a stream of results
}

fn whole() {
    let model = service_fn(|_: ChatRequest| async { Ok::<_, BoxError>("Hello".to_owned()) });
    let _ = layer().layer(model).checked::<ChatRequest>(); //~ use a `layer::ModelLayer` for calls of models, or a `RunLayer`
}

// Foreign errors.

fn errors() {
    let model = service_fn(|_: ChatRequest| async {
        Err::<stream::Empty<Result<ChatChunk, BoxError>>, _>(Foreign)
    });
    let _ = layer().layer(model).checked::<ChatRequest>(); //~ the error `Foreign` does not convert into a `tower::BoxError`
    let _ = StreamTimeoutLayer::new().layer(model).checked::<ChatRequest>(); //~ implement `std::error::Error` for `Foreign`
    let _ = RunLayer::chain("answer").layer(model).checked::<ChatRequest>(); //~ or convert it with `map_err`
}

fn errors_of_items() {
    let model = service_fn(|_: ChatRequest| async {
        Ok::<_, BoxError>(stream::empty::<Result<ChatChunk, Foreign>>())
    });
    let _ = layer().layer(model).checked::<ChatRequest>(); //~ the error `Foreign` does not convert into a `tower::BoxError`
}

fn retries() {
    let model = service_fn(|_: ChatRequest| async { Err::<ChatStream, _>(Foreign) });
    let _ = RetryPolicy::new().layer().layer(model).checked::<ChatRequest>(); //~ a retry or fallback cannot read the error `Foreign`
    let _ = Fallback::new(model, [model]).checked::<ChatRequest>(); //~ a retry or fallback cannot read the error `Foreign`
}

// Types without descriptions.

fn requests() {
    let model = service_fn(|_: Unknown| async {
        Ok::<_, BoxError>(stream::empty::<Result<ChatChunk, BoxError>>())
    });
    let _ = layer().layer(model).checked::<Unknown>(); //~ `Unknown` does not describe a request to a model
    let _ = RunContextLayer::new().layer(model).checked::<Unknown>(); //~ `Unknown` has no extensions to carry a run
}

fn chunks() {
    let model = service_fn(|_: ChatRequest| async {
        Ok::<_, BoxError>(stream::empty::<Result<Unknown, BoxError>>())
    });
    let _ = layer().layer(model).checked::<ChatRequest>(); //~ use `CallbackLayer::extract` with two closures
}
