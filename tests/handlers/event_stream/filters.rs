//! Filters by run and by event kind.

use std::sync::Arc;

use proptest::{collection::vec, prelude::*, sample::select};
use support::on_each_runtime;
use tokio::runtime::Builder;
use tower_llm_callbacks::{
    EventKind, EventMask, RunType,
    handlers::{EventStream, EventStreamBuilder, RunEvent},
};

use super::{AGENT, agent, by_name, collect};

/// Names of the runs whose events the stream yields.
async fn names(builder: EventStreamBuilder) -> Vec<String> {
    by_name(&collect(builder.of(agent())).await).into_keys().collect()
}

#[test]
fn by_name_type_and_tag() {
    on_each_runtime(|| async {
        let all = EventStream::builder;
        assert_eq!(names(all()).await, ["agent", "inner", "look", "plan", "search"]);
        assert_eq!(names(all().include_names(["look", "no such"])).await, ["look"]);
        assert_eq!(names(all().include_types([RunType::Llm])).await, ["inner", "plan"]);
        // A layer's own tags, and inherited ones.
        assert_eq!(names(all().include_tags(["reads"])).await, ["look", "search"]);
        assert_eq!(names(all().include_tags(["all"])).await.len(), 5);
        // One matching filter is enough.
        let some = all().include_names(["plan"]).include_types([RunType::Retriever]);
        assert_eq!(names(some.include_tags(["tool"])).await, ["look", "plan", "search"]);
        let twice = all().include_names(["plan"]).include_names(vec!["agent".to_owned()]);
        assert_eq!(names(twice).await, ["agent", "plan"]);

        assert_eq!(
            names(all().exclude_names(["look"])).await,
            ["agent", "inner", "plan", "search"]
        );
        let types = [RunType::Llm, RunType::Tool];
        assert_eq!(names(all().exclude_types(types)).await, ["agent", "search"]);
        assert_eq!(names(all().exclude_tags(["reads", "plan"])).await, ["agent", "inner"]);
        assert!(names(all().exclude_tags(["all"])).await.is_empty());
        // Exclusion takes precedence over inclusion.
        let both = all().include_types([RunType::Llm]).exclude_names(["plan"]);
        assert_eq!(names(both).await, ["inner"]);
        let both = all().include_names(["plan"]).exclude_tags(["model"]);
        assert!(names(both).await.is_empty());
        // An empty list filters nothing. Names match as a whole.
        assert_eq!(names(all().include_names([] as [&str; 0])).await.len(), 5);
        assert!(names(all().include_names(["pla", "PLAN", ""])).await.is_empty());
    });
}

/// Excluding a run does not exclude its children, and leaves their `parent_ids` complete.
#[test]
fn children_of_an_excluded_run_are_yielded() {
    on_each_runtime(|| async {
        let everything = collect(EventStream::builder().of(agent())).await;
        let depth = |events: &[RunEvent]| {
            let inner = events.iter().find(|event| event.run().name() == "inner").unwrap();
            inner.parent_ids().len()
        };
        let some = EventStream::builder().exclude_names(["agent", "look"]);
        let some = collect(some.of(agent())).await;
        assert_eq!((depth(&everything), depth(&some)), (2, 2));
    });
}

#[derive(Debug, Clone, Default)]
struct Filter {
    names: Vec<&'static str>,
    types: Vec<RunType>,
    tags: Vec<&'static str>,
}

const TYPES: [RunType; 4] = [RunType::Llm, RunType::Chain, RunType::Tool, RunType::Retriever];

fn filters() -> impl Strategy<Value = Filter> {
    let names = vec(select(&["agent", "inner", "look", "plan", "search", "other"][..]), 0..2);
    let types = vec(select(&TYPES[..]), 0..2);
    let tags = vec(select(&["all", "model", "reads", "tool", "plan", "other"][..]), 0..2);
    (names, types, tags).prop_map(|(names, types, tags)| Filter { names, types, tags })
}

impl Filter {
    fn has(&self, event: &RunEvent) -> bool {
        let run = event.run();
        let has_tag = |tag: &&str| run.tags().contains(&Arc::from(*tag));
        self.names.contains(&run.name())
            || self.types.contains(&run.run_type())
            || self.tags.iter().any(has_tag)
    }

    fn is_empty(&self) -> bool {
        self.names.is_empty() && self.types.is_empty() && self.tags.is_empty()
    }
}

fn masks() -> impl Strategy<Value = EventMask> {
    use EventKind::*;
    let parts: Vec<EventMask> = [
        LlmStart,
        LlmNewToken,
        LlmEnd,
        EventKind::RunStart(RunType::Chain),
        EventKind::RunEnd(RunType::Tool),
        Custom,
    ]
    .map(EventMask::of)
    .into_iter()
    .chain(TYPES.map(EventMask::of_runs))
    .collect();
    prop_oneof![
        Just(EventMask::ALL),
        vec(select(parts), 0..4)
            .prop_map(|parts| parts.into_iter().fold(EventMask::NONE, |all, part| all | part)),
    ]
}

/// A key for each event that is equal in every execution.
fn keys(events: &[RunEvent]) -> Vec<(String, u64, EventKind)> {
    let mut keys: Vec<_> = events
        .iter()
        .map(|event| (event.run().name().to_owned(), event.event().seq(), event.kind()))
        .collect();
    keys.sort();
    keys
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn filters_yield_exactly_the_matching_events(
        include in filters(), exclude in filters(), mask in masks(), driven in any::<bool>()
    ) {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let all = collect(EventStream::builder().of(agent())).await;
            let builder = EventStream::builder()
                .include_names(include.names.clone())
                .include_types(include.types.clone())
                .include_tags(include.tags.clone())
                .exclude_names(exclude.names.clone())
                .exclude_types(exclude.types.clone())
                .exclude_tags(exclude.tags.clone())
                .event_mask(mask);
            let filtered = if driven {
                collect(builder.of(agent())).await
            } else {
                let (callbacks, events) = builder.attach();
                let config = tower_llm_callbacks::RunConfig::new().callbacks(&callbacks);
                let (filtered, _) = tokio::join!(collect(events), config.scope(agent()));
                filtered
            };
            let wanted = |event: &&RunEvent| {
                (include.is_empty() || include.has(event))
                    && !exclude.has(event)
                    && mask.wants_in(event.kind(), event.run().run_type())
            };
            let expected: Vec<_> = all.iter().filter(wanted).cloned().collect();
            assert_eq!(keys(&filtered), keys(&expected));
        });
    }
}

/// Masked events leave gaps in `seq`.
#[test]
fn masked_events_leave_gaps() {
    on_each_runtime(|| async {
        let mask = EventMask::LLM_END | EventMask::CUSTOM;
        let events = collect(EventStream::builder().event_mask(mask).of(agent())).await;
        let expected = [("agent", 1, EventKind::Custom), ("inner", 2, EventKind::LlmEnd)];
        let last = [("look", 1, EventKind::Custom), ("plan", 3, EventKind::LlmEnd)];
        let expected = [expected, last].concat();
        let expected: Vec<_> =
            expected.into_iter().map(|(name, seq, kind)| (name.to_owned(), seq, kind)).collect();
        assert_eq!(keys(&events), expected);
        // With an empty mask the stream still ends.
        let empty = EventStream::builder().event_mask(EventMask::NONE);
        assert!(collect(empty.of(agent())).await.is_empty());
        assert_eq!(AGENT.len(), 5);
    });
}
