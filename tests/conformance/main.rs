//! LangChain's own tests of its callbacks, case by case, and LangChain's defects: how this crate behaves.
//!
//! The numbers follow LangChain's tests: A dispatch (1–9), B custom events (10–13), C lifecycle (14–26), D
//! streaming (27–41), E event stream and tree (42–56), F LangChain's defects (57–64). Where this crate has
//! another form of an idea, the case tests that form.

mod custom_events;
mod defects;
mod defects_dispatch;
mod defects_ends;
mod defects_handlers;
mod dispatch;
mod dispatch_sets;
mod lifecycle;
mod lifecycle_many;
mod lifecycle_requests;
mod streaming;
mod streaming_content;
mod streaming_dropped;
mod tree;
mod tree_listeners;
mod tree_runs;

use std::collections::BTreeMap;

use serde_json::Value;
use support::PATIENCE;
use tower::{Service, util::BoxCloneSyncService};
use tower_llm_callbacks::{
    Callbacks, EventData, LlmStart,
    chat::ChatRequest,
    testing::{Recorded, assert_promises},
};

/// The cases that have no counterpart here, in any form, and why.
const NOT_HERE: &[(u32, &str)] = &[];

const SOURCES: [&str; 16] = [
    include_str!("custom_events.rs"),
    include_str!("defects.rs"),
    include_str!("defects_dispatch.rs"),
    include_str!("defects_ends.rs"),
    include_str!("defects_handlers.rs"),
    include_str!("dispatch.rs"),
    include_str!("dispatch_sets.rs"),
    include_str!("lifecycle.rs"),
    include_str!("lifecycle_many.rs"),
    include_str!("lifecycle_requests.rs"),
    include_str!("streaming.rs"),
    include_str!("streaming_content.rs"),
    include_str!("streaming_dropped.rs"),
    include_str!("tree.rs"),
    include_str!("tree_listeners.rs"),
    include_str!("tree_runs.rs"),
];

/// Each number has exactly one test, with a line that states what it asserts, or one entry in [`NOT_HERE`].
#[test]
fn every_case_is_here() {
    let mut found: BTreeMap<u32, usize> = BTreeMap::new();
    for source in SOURCES {
        let lines: Vec<_> = source.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(name) = line.strip_prefix("fn case_") else { continue };
            let number = name.get(..2).and_then(|digits| digits.parse().ok());
            let number = number.unwrap_or_else(|| panic!("no number in `{line}`"));
            assert!(name[2..].starts_with('_') && name.ends_with("() {"), "{line}");
            assert_eq!(lines[at - 1], "#[test]", "{line}");
            assert!(lines[at - 2].starts_with("/// "), "{line}");
            *found.entry(number).or_default() += 1;
        }
    }
    for (number, reason) in NOT_HERE {
        assert!(!reason.is_empty());
        *found.entry(*number).or_default() += 1;
    }
    let expected: BTreeMap<u32, usize> = (1..=64).map(|number| (number, 1)).collect();
    assert_eq!(found, expected);
}

/// Erases the type of a service. The compiler cannot prove that a task is `Send` if it holds a `oneshot` of a
/// service whose stream has boxed errors; for a box it can.
fn boxed<S, Req>(service: S) -> BoxCloneSyncService<Req, S::Response, S::Error>
where
    S: Service<Req, Future: Send + 'static> + Clone + Send + Sync + 'static,
{
    BoxCloneSyncService::new(service)
}

fn prompt(text: &str) -> ChatRequest {
    ChatRequest::new("any").user(text)
}

/// Returns the text of a request with one message.
fn asked(start: &LlmStart) -> String {
    let messages = start.messages.get().expect("messages");
    messages[0]["content"].as_str().expect("a text").to_owned()
}

/// Waits until every event emitted so far is handled.
async fn settled(callbacks: &Callbacks) {
    let flushed = callbacks.flush(PATIENCE).await;
    assert!(flushed.is_complete(), "{flushed:?}");
}

/// Returns the name and value of each custom event.
fn customs(events: &[Recorded]) -> Vec<(String, Value)> {
    let custom = |event: &Recorded| match &event.data {
        EventData::Custom(custom) => Some((custom.name.to_string(), custom.value.clone())),
        _ => None,
    };
    events.iter().filter_map(custom).collect()
}

/// Returns the events of the only run with this name, after a check of the promises.
#[track_caller]
fn of_run(events: &[Recorded], name: &str) -> Vec<Recorded> {
    assert_promises(events);
    let run: Vec<_> = events.iter().filter(|event| event.name == name).cloned().collect();
    assert!(!run.is_empty(), "no run `{name}`");
    assert!(run.iter().all(|event| event.run_id == run[0].run_id), "several runs `{name}`");
    run
}
