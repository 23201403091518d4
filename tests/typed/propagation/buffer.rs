//! `tower::Buffer` calls from a task of its own: the request carries the run there.

use support::{PATIENCE, everywhere, request};
use tower::{
    BoxError, Layer, Service, ServiceBuilder, ServiceExt, buffer::BufferLayer, service_fn,
};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, RunConfig, RunLayer, chat,
    scope::{HasExtensions, RunContextLayer},
    testing::{Script, ScriptedModel, assert_promises},
};

use super::{check, children};

/// A chain calls a model through a buffer: `RunContextLayer` above the buffer puts the run into the request.
#[test]
fn tower_buffer() {
    children(1, || async {
        let mut model = ServiceBuilder::new()
            .layer(RunContextLayer::new())
            .layer(BufferLayer::new(4))
            .layer(CallbackLayer::new(Callbacks::new()))
            .service(ScriptedModel::new(Script::answer(["a"])));
        let answer = model.ready().await?.call(request()).await?;
        chat::collect(answer).await?;
        Ok(())
    });
    // Without the layer, the call is an unobserved root.
    children(0, || async {
        let mut model = ServiceBuilder::new()
            .layer(BufferLayer::new(4))
            .layer(CallbackLayer::new(Callbacks::new()))
            .service(ScriptedModel::new(Script::answer(["a"])));
        let answer = model.ready().await?.call(request()).await?;
        chat::collect(answer).await?;
        Ok(())
    });
}

/// If the layer below the buffer does not read the request, another `RunContextLayer` makes the run current
/// there.
#[test]
fn tower_buffer_to_a_chain() {
    everywhere(|recorders| async move {
        let inner = service_fn(|_: chat::ChatRequest| async { super::ask().await });
        let mut stack = ServiceBuilder::new()
            .layer(RunLayer::chain("chain"))
            .layer(RunContextLayer::new())
            .layer(BufferLayer::new(4))
            .layer(RunContextLayer::new())
            .service(inner);
        let config = RunConfig::new().callbacks(&recorders.callbacks).tags(["asked"]);
        let stack = stack.ready().await.unwrap();
        config.call(stack, request()).await.unwrap();
        check(&recorders, 1).await;
    });
}

/// A user's request type with extensions carries the run, too.
#[derive(Default)]
struct Question(http::Extensions);

impl HasExtensions for Question {
    fn extensions(&self) -> &http::Extensions {
        &self.0
    }

    fn extensions_mut(&mut self) -> &mut http::Extensions {
        &mut self.0
    }
}

#[test]
fn a_custom_request_carries_the_run() {
    everywhere(|recorders| async move {
        let inner = service_fn(|_: Question| async { super::ask().await });
        let mut stack = ServiceBuilder::new()
            .layer(RunLayer::chain("chain"))
            .layer(RunContextLayer::new())
            .layer(BufferLayer::new(4))
            .layer(RunContextLayer::new())
            .service(inner);
        let config = RunConfig::new().callbacks(&recorders.callbacks).tags(["asked"]);
        let stack = stack.ready().await.unwrap();
        config.call(stack, Question::default()).await.unwrap();
        check(&recorders, 1).await;
    });
}

/// A configuration in the extensions applies to the run of that request, and to its children.
#[test]
fn a_request_carries_its_configuration() {
    everywhere(|recorders| async move {
        let inner = service_fn(|_: chat::ChatRequest| async {
            super::ask().await?;
            Ok::<_, BoxError>(futures::stream::iter([Ok::<_, BoxError>(chat::ChatChunk::Done)]))
        });
        let mut model = CallbackLayer::new(Callbacks::new()).name("own").layer(inner);
        let config =
            RunConfig::new().callbacks(&recorders.callbacks).tags(["asked"]).run_name("chain");
        let mut asked = request();
        asked.extensions.insert(config.clone());
        let answer = model.ready().await.unwrap().call(asked).await.unwrap();
        chat::collect(answer).await.unwrap();
        check(&recorders, 1).await;
        // The name applied to one run. A request without the configuration is unobserved.
        let mut again = request();
        again.extensions.insert(config);
        drop(model.ready().await.unwrap().call(again));
        drop(model.ready().await.unwrap().call(request()));
        assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
        for (_, recorder) in &recorders.each {
            assert_promises(&recorder.events());
            let names: Vec<_> = recorder.terminals().iter().map(|end| end.name.clone()).collect();
            assert_eq!(names.iter().filter(|name| *name == "own").count(), 1, "{names:?}");
        }
    });
}
