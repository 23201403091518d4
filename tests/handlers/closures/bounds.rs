//! Compile-time checks: public types are `Send`, `Sync`, `Unpin` and `Clone` as far as what they wrap.

use std::rc::Rc;

use futures::stream::{Empty, Pending};
use http::Request;
use tower::{BoxError, Service, util::ServiceFn};
use tower_llm_callbacks::{
    Abort, Aborted, AsyncCallbackHandler, AttemptsLayer, CallbackHandler, CallbackLayer, Callbacks,
    Delivery, Delta, ErrorKind, Event, EventData, EventKind, EventMask, Fault, FaultKind,
    LlmResult, LlmStart, Prompt, ProviderError, Registration, Run, RunConfig, RunError, RunInput,
    RunOutput, RunType, Token, TokenKind, ToolCall, Usage,
    callbacks::{FlushReport, Overflow, Undelivered},
    chat::{ChatChunk, ChatRequest, ChatStream, ModelError},
    event::{Accumulator, Choice, CustomEvent, Record, Retry, ToolCallRef, Truncated},
    handler::{AsyncFnHandler, FnHandler},
    layer::{CallbackService, CallbackStream, ResponseFuture},
    model::{ConfigError, HttpClient, Secret, anthropic},
    run::{EmitError, InRun},
    scope::AttemptsService,
    testing::{Recorded, Recorder, Script, ScriptedModel, ScriptedStream},
};

fn shared<T: Send + Sync + 'static>() {}
fn sent<T: Send + 'static>() {}
fn cloned<T: Clone>() {}
fn unpin<T: Unpin>() {}

#[test]
fn shared_types_are_send_and_sync() {
    shared::<(Run, Callbacks, Registration, CallbackLayer, RunConfig, EventMask)>();
    shared::<(Event, EventData, EventKind, Record<'static>, LlmStart, Prompt, Token, TokenKind)>();
    shared::<(LlmResult, Choice, ToolCall, ToolCallRef, Usage, RunError, ErrorKind)>();
    shared::<(RunInput, RunOutput, Retry, CustomEvent, RunType, Delta<'static>, Accumulator)>();
    shared::<(Fault, FaultKind, FlushReport, Undelivered, Delivery, Overflow)>();
    shared::<(Abort, Aborted, EmitError, ProviderError, Truncated, ModelError, ConfigError)>();
    shared::<(FnHandler<fn()>, AsyncFnHandler<fn()>, AttemptsLayer, AttemptsService<()>)>();
    shared::<(ChatRequest, ChatChunk, Secret, HttpClient, Recorder, Recorded, Script)>();
    shared::<(anthropic::AnthropicConfig, anthropic::AnthropicLayer)>();
    shared::<(Box<dyn CallbackHandler>, CallbackService<()>, InRun<()>)>();
    sent::<(ChatStream, ScriptedModel, ScriptedStream)>();
}

#[test]
fn cheap_types_are_clone() {
    cloned::<(Run, Callbacks, Registration, CallbackLayer, Event, Token, Fault, Abort, Aborted)>();
    cloned::<(CallbackService<()>, AttemptsService<()>, AttemptsLayer, ChatRequest, Prompt)>();
}

type Chunks = Empty<Result<ChatChunk, BoxError>>;
type Call = ServiceFn<fn(ChatRequest) -> Ready>;
type Ready = std::future::Ready<Result<Chunks, BoxError>>;

/// They are `Send`, `Sync` and `Unpin` exactly if the wrapped stream, service and future are.
#[test]
fn futures_and_streams_inherit_auto_traits() {
    sent::<ResponseFuture<Call, ChatRequest, Ready>>();
    sent::<<CallbackService<Call> as Service<ChatRequest>>::Future>();
    sent::<CallbackStream<Chunks>>();
    sent::<InRun<Pending<()>>>();
    unpin::<CallbackStream<Chunks>>();
    unpin::<ResponseFuture<Call, ChatRequest, Ready>>();
    unpin::<InRun<Pending<()>>>();
    sent::<CallbackStream<ChatStream>>();
    sent::<<anthropic::AnthropicModel<HttpClient> as Service<ChatRequest>>::Future>();
    sent::<CallbackService<anthropic::AnthropicModel<HttpClient>>>();
    sent::<<CallbackService<anthropic::AnthropicModel<HttpClient>> as Service<ChatRequest>>::Future>(
    );
}

/// A service that is not `Send` can be wrapped too: in a `LocalSet`, with handlers of any kind.
#[test]
fn a_service_that_is_not_send_can_be_wrapped() {
    super::on_each_runtime(|| async {
        tokio::task::spawn_blocking(on_one_thread).await.unwrap();
    });
}

fn on_one_thread() {
    use futures::StreamExt;
    use tower::{Layer, service_fn};

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let recorders = super::Recorders::new(&super::MODES);
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let local = Rc::new("local");
        let model = service_fn(move |_: Request<()>| {
            let local = Rc::clone(&local);
            let chunks = [ChatChunk::text(*local), ChatChunk::Done].map(Ok::<_, BoxError>);
            let chunks = futures::stream::iter(chunks).map(move |chunk| {
                assert_eq!(*local, "local");
                chunk
            });
            std::future::ready(Ok::<_, BoxError>(chunks))
        });
        let describe = |_: &Request<()>| LlmStart::new("acme", "complete");
        let chunk = |chunk: &ChatChunk, each: &mut dyn FnMut(Delta<'_>)| each(chunk.borrowed());
        let mut service = recorders.layer().extract_terminated(describe, chunk).layer(model);
        let call = tokio::task::spawn_local(service.call(Request::new(())));
        let (got, error) = super::read(call.await.unwrap().unwrap()).await;
        assert_eq!((got.len(), error.is_none()), (2, true));
        recorders.ended(None).await;
    });
}

/// The traits' bounds make handlers `Send` and `Sync`. Only compiled.
#[expect(dead_code, reason = "only compiled")]
fn handlers_are_shared<B: CallbackHandler, A: AsyncCallbackHandler>() {
    shared::<(B, A)>();
}
