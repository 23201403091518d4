//! What a tree holds for each run: start, end, error, input, output, and events in between.

use futures::{
    StreamExt,
    future::{Ready, ready},
    stream,
};
use serde_json::json;
use support::{on_each_runtime, request};
use tower::{
    BoxError, Layer, Service, ServiceBuilder,
    retry::{Policy, RetryLayer},
    service_fn,
};
use tower_llm_callbacks::{
    Abort, AttemptsLayer, CallbackLayer, Callbacks, ContentCapture, Delta, ErrorKind, EventData,
    Run, RunInput, RunLayer, RunType, ToolCall, Usage,
    chat::{self, ChatRequest},
    emit,
    handlers::{RunTree, RunTrees},
    testing::{Script, ScriptedModel},
};

use super::{Done, ask, chain, config, only, tool};

#[test]
fn model_runs_have_start_result_and_error() {
    on_each_runtime(|| async {
        let trees = RunTrees::new();
        let usage = Delta::Usage { usage: Usage::new(3, 4), raw: None };
        let good = Script::new().respond().text("a").chunk(usage).complete("stop");
        let bad = Script::new().respond().text("so far").fail("reset");
        let root = chain("root", async {
            ask("good", good).await?;
            assert!(ask("bad", bad).await.is_err());
            Ok(())
        });
        config(&trees).scope(root).await.unwrap();
        let tree = only(&trees);
        let good = tree.find("good").unwrap();
        let result = good.result().unwrap();
        assert_eq!((result.text(), result.usage.clone()), ("a", Some(Usage::new(3, 4))));
        assert_eq!(good.duration, Some(result.duration));
        assert!(good.error().is_none() && good.input().is_none() && good.output().is_none());
        let EventData::LlmStart(start) = &good.start else { panic!("{good:?}") };
        assert_eq!(start.model.as_deref(), Some("any"));
        assert_eq!(start.messages.get(), Some(&json!([{"role": "user", "content": "Hi"}])));
        let bad = tree.find("bad").unwrap();
        assert_eq!(bad.result().unwrap().text(), "so far");
        assert_eq!(bad.error().unwrap().kind(), ErrorKind::Transport);
        assert!(tree.result().is_none() && tree.error().is_none());
    });
}

/// A tool that succeeds and one that fails; a folded stream that completes and one that fails.
#[test]
fn inputs_and_outputs() {
    on_each_runtime(|| async {
        let trees = RunTrees::new();
        let look = |fails: bool| {
            let layer = RunLayer::tool(if fails { "fails" } else { "look" })
                .input(|call: &ToolCall| RunInput::from(call))
                .output(|answer: &String| json!({"answer": answer}));
            layer.layer(service_fn(move |call: ToolCall| async move {
                if fails { Err(BoxError::from("broken")) } else { Ok(call.name + "!") }
            }))
        };
        let words = service_fn(|words: &'static str| async move {
            let words = words.split(' ').map(|word| match word {
                "-" => Err(BoxError::from("broken")),
                word => Ok(word.to_owned()),
            });
            Ok::<_, BoxError>(stream::iter(words.collect::<Vec<_>>()))
        });
        let words = RunLayer::retriever("words")
            .input(|words: &&str| json!(*words))
            .fold(String::new(), |sum, word: &String| sum.push_str(word))
            .layer(words);
        let calls: Done<()> = Box::pin(async move {
            let call = || ToolCall::new("call_1", "look", r#"{"n":1}"#);
            look(false).call(call()).await?;
            assert!(look(true).call(call()).await.is_err());
            let read: Vec<_> = words.clone().call("a b").await?.collect().await;
            assert_eq!(read.len(), 2);
            let read: Vec<_> = words.clone().call("a b - c").await?.collect().await;
            assert!(read[2].is_err());
            Ok(())
        });
        config(&trees).scope(calls).await.unwrap();
        let finished = trees.take();
        let [look, fails, words, breaks] = &finished[..] else { panic!("{finished:?}") };
        for tool in [look, fails] {
            assert_eq!(tool.input(), Some(&json!({"n": 1})));
            let EventData::RunStart(RunType::Tool, input) = &tool.start else { panic!("{tool:?}") };
            assert_eq!(input.tool_call_id.as_deref(), Some("call_1"));
        }
        assert_eq!(look.output(), Some(&json!({"answer": "look!"})));
        assert_eq!((fails.output(), fails.error().unwrap().message()), (None, "broken"));
        assert_eq!(fails.error().unwrap().tool_call_id(), Some("call_1"));
        assert_eq!((words.input(), words.output()), (Some(&json!("a b")), Some(&json!("ab"))));
        // The output folded before the error.
        assert_eq!(
            (breaks.output(), breaks.error().unwrap().message()),
            (Some(&json!("ab")), "broken")
        );
        assert_eq!(breaks.duration, Some(breaks.error().unwrap().duration()));
    });
}

/// Content that is not captured is not in the tree.
#[test]
fn uncaptured_content_is_in_no_tree() {
    on_each_runtime(|| async {
        let trees = RunTrees::new();
        let layer = RunLayer::chain("silent").content(ContentCapture::Off);
        let layer = layer.input(|_: &()| json!("secret")).output(|_: &()| json!("secret"));
        let model = CallbackLayer::new(Callbacks::new()).content(ContentCapture::Off);
        let mut model = model.layer(ScriptedModel::new(Script::answer(["secret"])));
        let inside: Done<()> = Box::pin(async move {
            chat::collect(model.call(request().system("secret")).await?).await?;
            Ok(())
        });
        let silent: Done<()> = Box::pin(async move { layer.run(inside).await });
        config(&trees).scope(silent).await.unwrap();
        let tree = only(&trees);
        assert_eq!(tree.len(), 2);
        assert!(!json!(tree).to_string().contains("secret"), "{}", json!(tree));
        assert!(!tree.to_string().contains("secret"));
    });
}

/// Retries failed calls, at most this number of times.
#[derive(Clone)]
struct Retries(usize);

impl<S> Policy<ChatRequest, S, BoxError> for Retries {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _: &mut ChatRequest,
        result: &mut Result<S, BoxError>,
    ) -> Option<Ready<()>> {
        let again = result.is_err() && self.0 > 0;
        self.0 -= usize::from(again);
        again.then(|| ready(()))
    }

    fn clone_request(&mut self, request: &ChatRequest) -> Option<ChatRequest> {
        Some(request.clone())
    }
}

/// A chain that emits events and whose model succeeds at the third attempt.
pub(super) fn retried() -> Done<String> {
    let model = ScriptedModel::new([
        Script::new().fail("refused").respond(),
        Script::new().fail("reset").respond(),
        Script::answer(["a"]),
    ]);
    let mut model = ServiceBuilder::new()
        .layer(AttemptsLayer::new())
        .layer(RetryLayer::new(Retries(5)))
        .layer(CallbackLayer::new(Callbacks::new()).name("model"))
        .service(model);
    chain("root", async move {
        emit("first", json!({"n": 1}))?;
        let answer = model.call(request()).await?;
        emit("second", 2)?;
        Ok(chat::collect(answer).await?.text().to_owned())
    })
}

#[test]
fn custom_events_and_retries() {
    on_each_runtime(|| async {
        let trees = RunTrees::new();
        assert_eq!(config(&trees).scope(retried()).await.unwrap(), "a");
        let tree = only(&trees);
        let custom: Vec<_> = tree
            .events
            .iter()
            .map(|event| match &event.data {
                EventData::Custom(event) => (&*event.name, event.value.clone()),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(custom, [("first", json!({"n": 1})), ("second", json!(2))]);
        assert!(tree.events[0].time <= tree.events[1].time);
        let attempts: Vec<_> = tree.children.iter().map(|run| run.attempt).collect();
        assert_eq!(attempts, [1, 2, 3]);
        assert!(tree.children[0].events.is_empty());
        for (pair, error) in tree.children.windows(2).zip(["refused", "reset"]) {
            let [failed, next] = pair else { unreachable!() };
            let [event] = &next.events[..] else { panic!("{next:?}") };
            let EventData::Retry(retry) = &event.data else { panic!("{event:?}") };
            assert_eq!((retry.attempt, &*retry.error), (next.attempt, error));
            assert_eq!(retry.failed_run_id, failed.run_id);
        }
    });
}

/// The abort's reason is the run's error.
#[test]
fn an_aborted_run_has_the_aborts_reason() {
    on_each_runtime(|| async {
        let trees = RunTrees::new();
        let root = chain("root", async {
            let run = Run::current().unwrap();
            tool("first").await?;
            assert!(run.abort(Abort::new("enough")));
            std::future::pending::<()>().await;
            Ok(())
        });
        assert!(config(&trees).scope(root).await.is_err());
        let tree = only(&trees);
        let error = tree.error().unwrap();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Aborted, "enough"));
        assert_eq!(tree.children.len(), 1);
    });
}

/// A tree is independent: it can be cloned, sent, and outlives its runtime.
#[test]
fn a_tree_outlives_its_runtime() {
    let tree: RunTree = {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let trees = RunTrees::new();
        runtime.block_on(config(&trees).scope(retried())).unwrap();
        only(&trees)
    };
    let text = tree.to_string();
    let copy = tree.clone();
    let printed = std::thread::spawn(move || copy.to_string()).join().unwrap();
    assert_eq!(printed, text);
    assert_eq!(tree.children.len(), 3);
}
