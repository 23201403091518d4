//! What LangChain's own tests ask of its callbacks, case by case, and what it gets wrong: how it is here.
//!
//! The cases are numbered as they were found in LangChain's tests: A dispatch (1–9), B custom events
//! (10–13), C lifecycle (14–26), D streaming (27–41), E event stream and tree (42–56), F what LangChain
//! gets wrong (57–64). Where an idea has another form here, the case is about that form.

#[path = "conformance/custom_events.rs"]
mod custom_events;
#[path = "conformance/dispatch.rs"]
mod dispatch;
#[path = "conformance/dispatch_sets.rs"]
mod dispatch_sets;
mod http_support;
#[path = "conformance/lifecycle.rs"]
mod lifecycle;
#[path = "conformance/lifecycle_many.rs"]
mod lifecycle_many;
#[path = "conformance/lifecycle_requests.rs"]
mod lifecycle_requests;
#[path = "conformance/streaming.rs"]
mod streaming;
#[path = "conformance/streaming_content.rs"]
mod streaming_content;
#[path = "conformance/streaming_dropped.rs"]
mod streaming_dropped;
mod support;
#[path = "conformance/tree.rs"]
mod tree;
#[path = "conformance/tree_listeners.rs"]
mod tree_listeners;
#[path = "conformance/tree_runs.rs"]
mod tree_runs;

use serde_json::Value;
use support::PATIENCE;
use tower::{Service, util::BoxCloneSyncService};
use tower_llm_callbacks::{
    Callbacks, EventData, LlmStart,
    chat::ChatRequest,
    testing::{Recorded, assert_promises},
};

/// A service without its type. The compiler does not see that a task is `Send` which holds a `oneshot` of a
/// service whose stream has boxed errors; of a box it does.
fn boxed<S, Req>(service: S) -> BoxCloneSyncService<Req, S::Response, S::Error>
where
    S: Service<Req, Future: Send + 'static> + Clone + Send + Sync + 'static,
{
    BoxCloneSyncService::new(service)
}

fn prompt(text: &str) -> ChatRequest {
    ChatRequest::new("any").user(text)
}

/// What was asked, of a request with one message.
fn asked(start: &LlmStart) -> String {
    let messages = start.messages.get().expect("messages");
    messages[0]["content"].as_str().expect("a text").to_owned()
}

/// Waits until everything is handled that was told by now.
async fn settled(callbacks: &Callbacks) {
    let flushed = callbacks.flush(PATIENCE).await;
    assert!(flushed.is_complete(), "{flushed:?}");
}

/// The custom events among what was told, by name and value.
fn customs(events: &[Recorded]) -> Vec<(String, Value)> {
    let custom = |event: &Recorded| match &event.data {
        EventData::Custom(custom) => Some((custom.name.to_string(), custom.value.clone())),
        _ => None,
    };
    events.iter().filter_map(custom).collect()
}

/// The events of the only run of a name, after a look at the promises.
#[track_caller]
fn of_run(events: &[Recorded], name: &str) -> Vec<Recorded> {
    assert_promises(events);
    let run: Vec<_> = events.iter().filter(|event| event.name == name).cloned().collect();
    assert!(!run.is_empty(), "no run `{name}`");
    assert!(run.iter().all(|event| event.run_id == run[0].run_id), "several runs `{name}`");
    run
}
