//! The typed layer.

use std::convert::Infallible;

use futures::stream;
use tower::{BoxError, Layer, Service, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, EventKind, RunLayer, RunType,
    chat::{ChatChunk, ChatRequest, collect},
};

use super::Recorder;

fn model() -> impl Service<
    ChatRequest,
    Response = impl futures::Stream<Item = Result<ChatChunk, Infallible>>,
    Error = Infallible,
    Future: Send,
> + Clone {
    service_fn(|_: ChatRequest| async {
        let chunks = [ChatChunk::text("Hel"), ChatChunk::text("lo"), ChatChunk::Done];
        Ok::<_, Infallible>(stream::iter(chunks.map(Ok)))
    })
}

#[tokio::test]
async fn a_stream_is_observed() {
    let (recorder, callbacks) = Recorder::inline();
    let service = CallbackLayer::new(callbacks).layer(model());
    let answer = service.oneshot(ChatRequest::new("any").user("Hi")).await.unwrap();
    assert_eq!(collect(answer).await.unwrap().text(), "Hello");
    assert_eq!(
        recorder.kinds(),
        [EventKind::LlmStart, EventKind::LlmNewToken, EventKind::LlmNewToken, EventKind::LlmEnd]
    );
    assert_eq!(recorder.text(), "Hello");
}

#[tokio::test]
async fn a_dropped_stream_is_cancelled() {
    let (recorder, callbacks) = Recorder::inline();
    let service = CallbackLayer::new(callbacks).layer(model());
    drop(service.oneshot(ChatRequest::new("any").user("Hi")).await.unwrap());
    assert_eq!(recorder.kinds(), [EventKind::LlmStart, EventKind::LlmError]);
    assert_eq!(recorder.last()["error"]["kind"], "cancelled");
}

#[tokio::test]
async fn a_call_inside_a_chain_is_its_child() {
    let (recorder, callbacks) = Recorder::inline();
    let inner = CallbackLayer::new(Callbacks::new()).layer(model());
    let chain = service_fn(move |text: String| {
        let inner = inner.clone();
        async move {
            let answer = inner.oneshot(ChatRequest::new("any").user(text)).await?;
            Ok::<_, BoxError>(collect(answer).await?.text().to_owned())
        }
    });
    let chain = RunLayer::chain("chain").inheritable_callbacks(&callbacks).layer(chain);
    assert_eq!(chain.oneshot("Hi".to_owned()).await.unwrap(), "Hello");
    assert_eq!(
        recorder.kinds(),
        [
            EventKind::RunStart(RunType::Chain),
            EventKind::LlmStart,
            EventKind::LlmNewToken,
            EventKind::LlmNewToken,
            EventKind::LlmEnd,
            EventKind::RunEnd(RunType::Chain)
        ]
    );
}
