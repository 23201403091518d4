//! `RunTrees`: runs assembled into trees.

mod at_once;
mod bounds;
mod contents;
mod json;
mod memory;
mod print;
mod shape;

use std::{future::Future, pin::Pin};

use tower::{BoxError, Layer, Service, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, RunConfig, RunLayer, chat,
    handlers::{RunTree, RunTrees},
    testing::{Script, ScriptedModel},
};

type Done<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// A config with `trees` as a handler.
fn config(trees: &RunTrees) -> RunConfig {
    RunConfig::new().callbacks(Callbacks::new().inline(trees.clone()))
}

/// A model call whose answer is read to its end.
fn ask(name: &str, script: Script) -> Done<String> {
    let layer = CallbackLayer::new(Callbacks::new()).without_estimates().name(name);
    Box::pin(async move {
        let mut model = layer.layer(ScriptedModel::new(script));
        let answer = model.call(support::request()).await?;
        Ok(chat::collect(answer).await?.text().to_owned())
    })
}

/// A run of `layer`. It starts at the first poll.
fn run<T: Send + 'static>(
    layer: RunLayer,
    inside: impl Future<Output = Result<T, BoxError>> + Send + 'static,
) -> Done<T> {
    Box::pin(async move { layer.run(inside).await })
}

fn chain<T: Send + 'static>(
    name: &str,
    inside: impl Future<Output = Result<T, BoxError>> + Send + 'static,
) -> Done<T> {
    run(RunLayer::chain(name), inside)
}

/// A tool that returns at once.
fn tool(name: &str) -> Done<()> {
    let layer = RunLayer::tool(name);
    Box::pin(
        async move { layer.layer(service_fn(|()| async { Ok::<_, BoxError>(()) })).call(()).await },
    )
}

/// The names of a tree's runs, nested: `a(b c(d))`.
fn shape(tree: &RunTree) -> String {
    if tree.children.is_empty() {
        return tree.name.to_string();
    }
    let children: Vec<_> = tree.children.iter().map(shape).collect();
    format!("{}({})", tree.name, children.join(" "))
}

fn shapes(trees: &RunTrees) -> Vec<String> {
    trees.take().iter().map(shape).collect()
}

/// Takes the only finished tree.
#[track_caller]
fn only(trees: &RunTrees) -> RunTree {
    let mut finished = trees.take();
    assert_eq!(finished.len(), 1, "{finished:?}");
    assert_eq!((trees.growing_runs(), trees.dropped()), (0, 0));
    finished.pop().unwrap()
}
