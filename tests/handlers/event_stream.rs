//! `EventStream`: the events of a run and of its descendants as a stream.

mod attached;
mod cancelled;
mod driven;
mod ends;
mod errors;
mod filters;
mod records;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    future::Future,
};

use futures::{Stream, StreamExt, future::BoxFuture};
use tokio::task::yield_now;
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, EventData, RunLayer, chat, emit,
    handlers::RunEvent,
    testing::{Script, ScriptedModel},
};
use uuid::Uuid;

type Done<T> = BoxFuture<'static, Result<T, BoxError>>;

/// A model call whose answer is read to its end.
fn ask(name: &'static str, script: Script) -> Done<String> {
    Box::pin(async move {
        let model = CallbackLayer::new(Callbacks::new()).name(name).tags(["model", name]);
        let mut model = model.layer(ScriptedModel::new(script));
        let answer = model.ready().await?.call(support::request()).await?;
        Ok(chat::collect(answer).await?.text().to_owned())
    })
}

fn search() -> Done<()> {
    Box::pin(async {
        let search = service_fn(|()| async { Ok::<_, BoxError>(()) });
        let mut search = RunLayer::retriever("search").tags(["reads"]).layer(search);
        search.ready().await?.call(()).await
    })
}

fn look() -> Done<()> {
    Box::pin(async {
        let look = service_fn(|()| async {
            emit("looks", 1)?;
            yield_now().await;
            ask("inner", Script::answer(["c"])).await?;
            Ok::<_, BoxError>(())
        });
        let mut look = RunLayer::tool("look").tags(["reads", "tool"]).layer(look);
        look.ready().await?.call(()).await
    })
}

/// A chain. Its run starts at the first poll.
fn chain<T: Send + 'static>(
    name: &'static str,
    inside: impl Future<Output = Result<T, BoxError>> + Send + 'static,
) -> Done<T> {
    Box::pin(async move { RunLayer::chain(name).inheritable_tags(["all"]).run(inside).await })
}

/// A chain of a retriever, a model, and a tool that calls a model too.
fn agent() -> Done<String> {
    chain("agent", async {
        search().await?;
        emit("thinks", 1)?;
        let text = ask("plan", Script::answer(["a", "b"])).await?;
        look().await?;
        Ok(text)
    })
}

/// The runs of an [`agent`] and the events of each.
const AGENT: [(&str, &[&str]); 5] = [
    ("agent", &["chain_start", "custom", "chain_end"]),
    ("inner", &["llm_start", "llm_new_token", "llm_end"]),
    ("look", &["tool_start", "custom", "tool_end"]),
    ("plan", &["llm_start", "llm_new_token", "llm_new_token", "llm_end"]),
    ("search", &["retriever_start", "retriever_end"]),
];

async fn collect(events: impl Stream<Item = RunEvent>) -> Vec<RunEvent> {
    events.collect().await
}

/// The events of each run by name. Names are unique in these tests.
fn by_name(events: &[RunEvent]) -> BTreeMap<String, Vec<&'static str>> {
    let mut runs = BTreeMap::<_, Vec<_>>::new();
    for event in events {
        runs.entry(event.run().name().to_owned()).or_default().push(event.kind().as_str());
    }
    runs
}

#[track_caller]
fn assert_agent(events: &[RunEvent]) {
    let expected = AGENT.map(|(name, kinds)| (name.to_owned(), kinds.to_vec()));
    assert_eq!(by_name(events), expected.into());
}

/// The events of each run, in the order of the runs' first events.
fn by_run(events: &[RunEvent]) -> Vec<(Uuid, Vec<&RunEvent>)> {
    let mut runs: Vec<(Uuid, Vec<&RunEvent>)> = Vec::new();
    let mut at = HashMap::new();
    for event in events {
        let id = event.run().run_id();
        let at = *at.entry(id).or_insert(runs.len());
        if at == runs.len() {
            runs.push((id, Vec::new()));
        }
        runs[at].1.push(event);
    }
    runs
}

/// Asserts each run's order: start first, one terminal last. If `complete`, `seq` has no gaps.
#[track_caller]
fn assert_in_order(events: &[RunEvent], complete: bool) {
    for (_, events) in by_run(events) {
        let seqs: Vec<_> = events.iter().map(|event| event.event().seq()).collect();
        assert!(seqs.is_sorted_by(|one, other| one < other), "{seqs:?}");
        assert!(!complete || seqs.iter().copied().eq(0..seqs.len() as u64), "{seqs:?}");
        assert!(events[0].kind().is_start(), "{events:?}");
        let last = events.len() - 1;
        let terminals = events.iter().position(|event| event.kind().is_terminal());
        assert_eq!(terminals, Some(last), "{events:?}");
    }
}

/// Asserts that a parent starts before its children and ends after them.
#[track_caller]
fn assert_nested(events: &[RunEvent]) {
    let (mut started, mut ended) = (HashSet::new(), HashSet::new());
    for event in events {
        let run = event.run();
        if event.kind().is_start() {
            let parent = run.parent_run_id();
            assert!(
                parent.is_none_or(|parent| started.contains(&parent)),
                "a parent starts before its child"
            );
            started.insert(run.run_id());
        } else if event.kind().is_terminal() {
            let in_ended = run.parent_ids().iter().any(|above| ended.contains(above));
            assert!(!in_ended, "a parent ends after its children");
            ended.insert(run.run_id());
        }
    }
}

fn is_end(event: &RunEvent) -> bool {
    event.kind().is_terminal()
}

fn texts(events: &[RunEvent]) -> String {
    let text = |event: &RunEvent| match event.data() {
        EventData::LlmNewToken(token) => Some(token.text().to_owned()),
        _ => None,
    };
    events.iter().filter_map(text).collect()
}
