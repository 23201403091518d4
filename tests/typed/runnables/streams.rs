//! Services whose response is a stream: the run ends with the stream, and reports the sum of its items.

use std::{io, panic::AssertUnwindSafe};

use futures::{FutureExt, Stream, StreamExt, stream, stream::FusedStream};
use serde_json::{Value, json};
use support::{Recorders, everywhere};
use tower::{BoxError, Layer, service_fn};
use tower_llm_callbacks::{
    Abort, Aborted, Delta, ErrorKind, EventData, Run, RunType, Usage,
    chat::ChatChunk,
    event::Accumulator,
    runnable::{Fold, RunStream},
    testing::Recorded,
};

use super::{chain, ended};

fn output(end: &Recorded) -> Option<Value> {
    match &end.data {
        EventData::RunEnd(RunType::Chain, output) => output.output.clone(),
        EventData::RunError(RunType::Chain, error) => error.output().cloned(),
        other => panic!("{other:?}"),
    }
}

type Made = Result<&'static str, io::Error>;
type Items = stream::Iter<std::vec::IntoIter<&'static str>>;
type Texts = RunStream<stream::Map<Items, fn(&'static str) -> Made>, Fold<String, Add>>;
type Add = fn(&mut String, &&'static str);

/// The stream of a chain whose items are texts, and which adds them up to one text.
async fn text(
    recorders: &Recorders,
    texts: &[&'static str],
    make: fn(&'static str) -> Made,
) -> Texts {
    let add: Add = |text, item| text.push_str(item);
    let texts = texts.to_vec();
    let inner = service_fn(move |(): ()| {
        let items = stream::iter(texts.clone()).map(make);
        async move { Ok::<_, BoxError>(items) }
    });
    chain(recorders).fold(String::new(), add).layer(inner).oneshot(()).await.unwrap()
}

fn words() -> Items {
    stream::iter(vec!["Why", " can't"])
}

#[test]
fn a_run_ends_with_its_stream() {
    everywhere(|recorders| async move {
        let mut items = text(&recorders, &["Why", " can't"], Ok).await;
        assert_eq!(items.size_hint(), (2, Some(2)));
        assert_eq!(items.next().await.unwrap().unwrap(), "Why");
        for (_, recorder) in &recorders.each {
            assert!(recorder.terminals().is_empty());
        }
        assert_eq!(items.next().await.unwrap().unwrap(), " can't");
        assert!(!items.is_terminated());
        assert!(items.next().await.is_none());
        assert!(items.is_terminated());
        assert_eq!(items.size_hint(), (0, Some(0)));
        assert_eq!(output(&ended(&recorders, None).await), Some(json!("Why can't")));
    });
}

#[test]
fn drop_midway_ends_cancelled_with_the_partial_output() {
    everywhere(|recorders| async move {
        let mut items = text(&recorders, &["Why", " can't"], Ok).await;
        items.next().await.unwrap().unwrap();
        drop(items);
        assert_eq!(
            output(&ended(&recorders, Some(ErrorKind::Cancelled)).await),
            Some(json!("Why"))
        );
    });
}

/// Items after an error pass unobserved.
#[test]
fn an_error_item_ends_the_run_but_not_the_stream() {
    everywhere(|recorders| async move {
        let make = |item| match item {
            "error" => Err(io::Error::other("reset")),
            item => Ok(item),
        };
        let mut items = text(&recorders, &["a", "error", "b"], make).await;
        assert_eq!(items.next().await.unwrap().unwrap(), "a");
        assert!(items.next().await.unwrap().unwrap_err().is::<io::Error>());
        assert_eq!(items.next().await.unwrap().unwrap(), "b");
        assert!(items.next().await.is_none());
        assert_eq!(output(&ended(&recorders, Some(ErrorKind::Failed)).await), Some(json!("a")));
    });
}

#[test]
fn a_panic_in_the_stream_reports_the_partial_output() {
    everywhere(|recorders| async move {
        let make = |item| {
            assert_ne!(item, "panic");
            Ok(item)
        };
        let mut items = text(&recorders, &["a", "panic"], make).await;
        items.next().await.unwrap().unwrap();
        assert!(AssertUnwindSafe(items.next()).catch_unwind().await.is_err());
        drop(items);
        assert_eq!(output(&ended(&recorders, Some(ErrorKind::Panic)).await), Some(json!("a")));
    });
}

/// A fold only observes. After a panic the sum would lack items, so that the run has none.
#[test]
fn a_panic_in_the_fold_costs_only_the_output() {
    everywhere(|recorders| async move {
        let inner =
            service_fn(|(): ()| async { Ok::<_, BoxError>(words().map(Ok::<_, BoxError>)) });
        let layer = chain(&recorders).fold(0, |sum, item: &&str| {
            assert_eq!(*item, "Why");
            *sum += 1;
        });
        let mut items = layer.layer(inner).oneshot(()).await.unwrap();
        let all: Vec<_> = items.by_ref().map(Result::unwrap).collect().await;
        assert_eq!(all, words().collect::<Vec<_>>().await);
        assert_eq!(output(&ended(&recorders, None).await), None);
    });
}

/// Converting the sum to JSON is user code, and may run in a drop.
#[test]
fn a_panic_in_the_sums_json_costs_only_the_output() {
    #[derive(Clone)]
    struct Bad;
    impl From<Bad> for Value {
        fn from(_: Bad) -> Value {
            panic!("no JSON")
        }
    }
    everywhere(|recorders| async move {
        let inner =
            service_fn(|(): ()| async { Ok::<_, BoxError>(words().map(Ok::<_, BoxError>)) });
        let layer = chain(&recorders).fold(Bad, |_, _: &&str| ());
        let items = layer.layer(inner).oneshot(()).await.unwrap();
        drop(items);
        assert_eq!(output(&ended(&recorders, Some(ErrorKind::Cancelled)).await), None);
    });
}

#[test]
fn an_abort_ends_the_stream_with_an_error() {
    everywhere(|recorders| async move {
        let make = |item| {
            if item == "b" {
                Run::current().unwrap().abort(Abort::new("enough"));
            }
            Ok(item)
        };
        let mut items = text(&recorders, &["a", "b", "c"], make).await;
        assert_eq!(items.next().await.unwrap().unwrap(), "a");
        // The consumer still gets the item in whose poll the abort came, and no item after it.
        assert_eq!(items.next().await.unwrap().unwrap(), "b");
        assert!(items.next().await.unwrap().unwrap_err().is::<Aborted>());
        assert!(items.next().await.is_none());
        ended(&recorders, Some(ErrorKind::Aborted)).await;
    });
}

/// A chain of a model's chunks reports the answer, with merged tool calls and usage.
#[tokio::test]
async fn chunks_add_up_to_an_answer() {
    let recorders = Recorders::new(&support::MODES);
    let tool = |arguments: &'static str| Delta::ToolCall {
        choice: 0,
        index: 0,
        id: Some("t1".into()),
        name: Some("look".into()),
        arguments: arguments.into(),
    };
    let chunks: Vec<ChatChunk> = vec![
        Delta::text("Hel"),
        Delta::text("lo"),
        tool("{\"at\":"),
        tool("1}"),
        Delta::Usage { usage: Usage::new(7, 5), raw: None },
        Delta::finish("stop"),
        Delta::Done,
    ];
    let inner = service_fn(move |(): ()| {
        let chunks = chunks.clone();
        async move { Ok::<_, BoxError>(stream::iter(chunks.into_iter().map(Ok::<_, BoxError>))) }
    });
    let layer =
        chain(&recorders).fold(Accumulator::new(), |answer, chunk: &ChatChunk| answer.delta(chunk));
    let mut items = layer.layer(inner).oneshot(()).await.unwrap();
    while let Some(item) = items.next().await {
        item.unwrap();
    }
    let output = output(&ended(&recorders, None).await).unwrap();
    assert_eq!(output["choices"][0]["text"], "Hello");
    assert_eq!(output["choices"][0]["tool_calls"][0]["arguments"], "{\"at\":1}");
    assert_eq!(output["usage"]["total_tokens"], 12);
}
