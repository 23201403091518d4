//! Calls as they are written go into `tokio::spawn` and `join!`, without a box around their futures: of real, boxed and
//! scripted models, bare and below the crate's layers. All of this is about types: the services are named, not generic.

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http_body_util::Full;
use support::request;
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_llm_callbacks::{
    AttemptsLayer, CallbackLayer, Callbacks, HttpCallbackLayer, InCurrentRun, RunConfig,
    RunConfigLayer, RunLayer,
    chat::{BoxModel, ChatChunk},
    drain::StreamDrainLayer,
    model::{
        ReqwestService,
        anthropic::{AnthropicConfig, AnthropicLayer},
        client,
    },
    scope::Fallback,
    testing::{Recorder, Script, ScriptedHttp, ScriptedModel, assert_promises},
    timeout::StreamTimeoutLayer,
};

async fn text<E: Into<BoxError>>(
    answer: impl Stream<Item = Result<ChatChunk, E>>,
) -> Result<String, BoxError> {
    let mut answer = std::pin::pin!(answer);
    let mut text = String::new();
    while let Some(chunk) = answer.next().await {
        text += chunk.map_err(Into::into)?.content().unwrap_or_default();
    }
    Ok(text)
}

/// Calls a service as applications do, in tasks and beside each other.
macro_rules! spawned {
    ($service:expr) => {{
        let service = $service;
        let call = || {
            let mut service = service.clone();
            async move {
                let answer = service.ready().await?.call(request()).await?;
                text(answer).await
            }
        };
        let in_run = call().in_current_run();
        let in_config = RunConfig::new().scope(call());
        let (one, two, here) = tokio::join!(tokio::spawn(in_run), tokio::spawn(in_config), call());
        for answer in [one.unwrap(), two.unwrap(), here] {
            assert_eq!(answer.unwrap(), "Hello");
        }
    }};
}

/// As [`spawned`], by the method of the crate's services.
macro_rules! spawned_oneshot {
    ($service:expr) => {{
        let service = $service;
        let task = tokio::spawn(service.clone().oneshot(request()));
        let whole = tokio::spawn({
            let service = service.clone();
            async move { text(service.oneshot(request()).await?).await }
        });
        let (task, whole, here) = tokio::join!(task, whole, service.clone().oneshot(request()));
        assert_eq!(whole.unwrap().unwrap(), "Hello");
        for answer in [task.unwrap(), here] {
            assert_eq!(text(answer.unwrap()).await.unwrap(), "Hello");
        }
        spawned!(service);
    }};
}

fn scripted() -> ScriptedModel {
    ScriptedModel::new(Script::answer(["Hel", "lo"]))
}

fn http() -> ScriptedHttp {
    ScriptedHttp::new(Script::answer(["Hel", "lo"]))
}

fn anthropic() -> AnthropicLayer {
    AnthropicLayer::new(AnthropicConfig::new("key"))
}

#[tokio::test]
async fn models_below_callbacks() {
    let recorder = Recorder::new();
    let callbacks = Callbacks::new().inline(recorder.clone());
    let layer = CallbackLayer::new(&callbacks);
    spawned_oneshot!(layer.layer(scripted()));
    spawned_oneshot!(layer.layer(anthropic().layer(http())));
    let below = HttpCallbackLayer::new(&callbacks).layer(http());
    spawned_oneshot!(layer.layer(anthropic().layer(below)));
    spawned_oneshot!(layer.layer(BoxModel::new(scripted())));
    spawned_oneshot!(layer.layer(layer.layer(BoxModel::new(anthropic().layer(http())))));
    spawned_oneshot!(RunLayer::chain("answer").streaming().layer(layer.layer(scripted())));
    spawned_oneshot!(
        RunLayer::chain("answer").streaming().layer(layer.layer(BoxModel::new(scripted())))
    );
    assert_promises(&recorder.events());
}

#[tokio::test]
async fn models_alone_and_boxed() {
    spawned_oneshot!(anthropic().layer(http()));
    spawned!(scripted());
    spawned!(BoxModel::new(scripted()));
    spawned!(BoxModel::new(CallbackLayer::new(Callbacks::new()).layer(anthropic().layer(http()))));
}

#[tokio::test]
async fn below_other_layers() {
    let layer = CallbackLayer::new(Callbacks::new().inline(Recorder::new()));
    let model = || layer.layer(anthropic().layer(http()));
    spawned!(AttemptsLayer::new().layer(model()));
    spawned!(RunConfigLayer::new(RunConfig::new()).layer(model()));
    spawned!(StreamTimeoutLayer::new().layer(model()));
    spawned!(StreamDrainLayer::new().layer(model()));
    spawned!(Fallback::new(model(), [model()]));
    spawned!(Fallback::new(BoxModel::new(model()), [BoxModel::new(scripted())]));
}

#[tokio::test]
async fn real_clients() {
    fn assert_send<T: Send + 'static>(future: T) {
        drop(future);
    }
    let layer = CallbackLayer::new(Callbacks::new());
    let hyper = layer.layer(anthropic().layer(client::<Full<Bytes>>()));
    assert_send(hyper.clone().oneshot(request()));
    assert_send(async move { BoxModel::new(hyper).ask(request()).await.is_ok() });
    let observed = HttpCallbackLayer::new(Callbacks::new()).layer(client());
    assert_send(layer.layer(anthropic().layer(observed)).oneshot(request()));
    let reqwest = |client| ReqwestService::new(client);
    assert_send(async move {
        layer
            .layer(anthropic().layer(reqwest(reqwest::Client::new())))
            .oneshot(request())
            .await
            .is_ok()
    });
    let unary = service_fn(|text: String| async move { Ok::<_, BoxError>(text) });
    let tool = RunLayer::tool("echo").layer(unary);
    assert_eq!(tokio::spawn(tool.oneshot("a".to_owned())).await.unwrap().unwrap(), "a");
}
