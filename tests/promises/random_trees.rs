//! Promise 8, context follows: on random trees, each run has the handlers, tags, metadata, name and id that
//! LangChain's rules define, without LangChain's defects. The model below states those rules once more:
//!
//! - handlers: the inheritable ones of the run above, bound ones, those of the call, the layer's inheritable
//!   ones, its own; an instance counts once, where it comes first;
//! - tags likewise, without duplicates; of metadata the last value in this order wins;
//! - a name and an id go to the first run of the call only.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use futures::future::BoxFuture;
use proptest::prelude::*;
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_llm_callbacks::{
    Callbacks, Event, EventMask, Registration, Run, RunConfig, RunConfigLayer, RunLayer, RunType,
    on_event,
};
use uuid::Uuid;

const HANDLERS: usize = 5;
const WORDS: [&str; 3] = ["a", "b", "c"];

/// Handlers, tags and metadata that are attached together.
#[derive(Debug, Clone, Default)]
struct Attached {
    handlers: Vec<usize>,
    tags: Vec<usize>,
    metadata: Vec<(usize, u8)>,
}

#[derive(Debug, Clone, Default)]
struct Config {
    attached: Attached,
    name: Option<usize>,
    with_id: bool,
}

/// A call of a service, its settings, and the calls inside it.
#[derive(Debug, Clone)]
struct Node {
    run_type: usize,
    bound: Vec<Config>,
    call: Option<Config>,
    inheritable: Attached,
    local: Attached,
    inner: Vec<Node>,
}

fn attached() -> impl Strategy<Value = Attached> {
    let handlers = prop::collection::vec(0..HANDLERS, 0..3);
    let tags = prop::collection::vec(0..WORDS.len(), 0..3);
    let metadata = prop::collection::vec((0..WORDS.len(), any::<u8>()), 0..2);
    (handlers, tags, metadata).prop_map(|(handlers, tags, metadata)| Attached {
        handlers,
        tags,
        metadata,
    })
}

fn config() -> impl Strategy<Value = Config> {
    (attached(), prop::option::of(0..WORDS.len()), any::<bool>())
        .prop_map(|(attached, name, with_id)| Config { attached, name, with_id })
}

fn node() -> impl Strategy<Value = Node> {
    let one = || {
        let bound = prop::collection::vec(config(), 0..2);
        (0..3_usize, bound, prop::option::of(config()), attached(), attached())
    };
    let make = |(run_type, bound, call, inheritable, local), inner| Node {
        run_type,
        bound,
        call,
        inheritable,
        local,
        inner,
    };
    one().prop_map(move |of| make(of, Vec::new())).prop_recursive(4, 20, 3, move |inner| {
        (one(), prop::collection::vec(inner, 1..4)).prop_map(move |(of, inner)| make(of, inner))
    })
}

/// The start of a run as a handler received it, or should have received it.
#[derive(Debug, Clone, PartialEq)]
struct Observed {
    handler: usize,
    name: String,
    parent: Option<usize>,
    tags: Vec<String>,
    metadata: BTreeMap<String, u64>,
}

/// The event mask of each handler: all events, or those of one run type.
fn wanted(handler: usize) -> EventMask {
    match handler {
        0 | 1 => EventMask::ALL,
        2 => EventMask::of_runs(RunType::Chain),
        3 => EventMask::of_runs(RunType::Tool),
        _ => EventMask::of_runs(RunType::Retriever),
    }
}

/// The runs under test.
struct World {
    handlers: Vec<Callbacks>,
    ids: Mutex<HashMap<Uuid, usize>>,
    observed: Mutex<Vec<Observed>>,
}

impl World {
    fn new() -> Arc<Self> {
        Arc::new_cyclic(|world: &std::sync::Weak<World>| {
            let handlers = (0..HANDLERS).map(|number| {
                let world = world.clone();
                let handler = on_event(move |run: &Run, event: &Event| {
                    if event.kind().is_start() {
                        world
                            .upgrade()
                            .expect("the world outlives its handlers")
                            .observe(number, run);
                    }
                });
                Callbacks::new()
                    .add(Registration::inline(Arc::new(handler)).event_mask(wanted(number)))
            });
            World {
                handlers: handlers.collect(),
                ids: Mutex::default(),
                observed: Mutex::default(),
            }
        })
    }

    /// Numbers runs in the order in which handlers first see them.
    fn observe(&self, handler: usize, run: &Run) {
        let mut ids = self.ids.lock().unwrap();
        let next = ids.len();
        ids.entry(run.run_id()).or_insert(next);
        self.observed.lock().unwrap().push(Observed {
            handler,
            name: run.name().to_owned(),
            parent: run.parent_run_id().and_then(|parent| ids.get(&parent).copied()),
            tags: run.tags().iter().map(|tag| tag.to_string()).collect(),
            metadata: run
                .metadata()
                .iter()
                .map(|(key, value)| (key.clone(), value.as_u64().unwrap()))
                .collect(),
        });
    }

    fn callbacks(&self, numbers: &[usize]) -> Callbacks {
        numbers.iter().fold(Callbacks::new(), |all, &number| all.merge(&self.handlers[number]))
    }

    fn config(&self, config: &Config) -> RunConfig {
        let Config { attached, name, with_id } = config;
        let all = RunConfig::new()
            .callbacks(self.callbacks(&attached.handlers))
            .tags(attached.tags.iter().map(|&word| WORDS[word]));
        let all = attached
            .metadata
            .iter()
            .fold(all, |all, &(key, value)| all.metadata(WORDS[key], value));
        let all = name.map_or(all.clone(), |name| all.run_name(WORDS[name]));
        if *with_id { all.run_id(Uuid::now_v7()) } else { all }
    }

    fn layer(&self, node: &Node) -> RunLayer {
        let layer = match node.run_type {
            0 => RunLayer::chain("chain"),
            1 => RunLayer::tool("tool"),
            _ => RunLayer::retriever("retriever"),
        };
        let layer = layer
            .inheritable_callbacks(self.callbacks(&node.inheritable.handlers))
            .inheritable_tags(node.inheritable.tags.iter().map(|&word| WORDS[word]))
            .callbacks(self.callbacks(&node.local.handlers))
            .tags(node.local.tags.iter().map(|&word| WORDS[word]));
        let layer = node
            .inheritable
            .metadata
            .iter()
            .fold(layer, |all, &(key, value)| all.inheritable_metadata(WORDS[key], value));
        node.local.metadata.iter().fold(layer, |all, &(key, value)| all.metadata(WORDS[key], value))
    }
}

fn call(world: Arc<World>, node: Node) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let (inside, inner) = (Arc::clone(&world), node.inner.clone());
        let service = service_fn(move |(): ()| {
            let (world, inner) = (Arc::clone(&inside), inner.clone());
            async move {
                for node in inner {
                    call(Arc::clone(&world), node).await;
                }
                Ok::<_, BoxError>(())
            }
        });
        let mut service: tower::util::BoxService<(), (), BoxError> =
            tower::util::BoxService::new(world.layer(&node).layer(service));
        for bound in &node.bound {
            let layer = RunConfigLayer::new(world.config(bound));
            service = tower::util::BoxService::new(layer.layer(service));
        }
        let service = service.ready().await.unwrap();
        match &node.call {
            Some(config) => world.config(config).call(service, ()).await.unwrap(),
            None => service.call(()).await.unwrap(),
        }
    })
}

/// The settings that the rules yield, without a run.
#[derive(Debug, Clone, Default)]
struct Sum {
    handlers: Vec<usize>,
    tags: Vec<usize>,
    metadata: BTreeMap<usize, u8>,
}

impl Sum {
    fn add(&mut self, attached: &Attached) {
        for &handler in &attached.handlers {
            if !self.handlers.contains(&handler) {
                self.handlers.push(handler);
            }
        }
        for &tag in &attached.tags {
            if !self.tags.contains(&tag) {
                self.tags.push(tag);
            }
        }
        self.metadata.extend(attached.metadata.iter().copied());
    }
}

/// What applies where a call is made: the nearest run, what it passes on, and the configurations that no run
/// has taken yet.
#[derive(Clone, Default)]
struct Around {
    parent: Option<usize>,
    inherited: Sum,
    configs: Vec<(Config, Arc<Mutex<bool>>)>,
}

fn expect(node: &Node, around: &Around, runs: &mut usize, observed: &mut Vec<Observed>) {
    // The call's configuration is innermost. The configuration bound last is the outermost bound one.
    let mut configs = around.configs.clone();
    configs.extend(node.call.clone().map(|config| (config, Arc::default())));
    for bound in node.bound.iter().rev() {
        configs.insert(0, (bound.clone(), Arc::default()));
    }
    let mut inherited = around.inherited.clone();
    configs.iter().for_each(|(config, _)| inherited.add(&config.attached));
    inherited.add(&node.inheritable);
    let mut own = inherited.clone();
    own.add(&node.local);

    let is_empty = |attached: &Attached| {
        attached.handlers.is_empty() && attached.tags.is_empty() && attached.metadata.is_empty()
    };
    let adds = configs.iter().any(|(config, _)| !is_empty(&config.attached));
    if own.handlers.is_empty() && !adds && is_empty(&node.inheritable) {
        let around = Around { configs, ..around.clone() };
        node.inner.iter().for_each(|inner| expect(inner, &around, runs, observed));
        return;
    }
    let default = ["chain", "tool", "retriever"][node.run_type];
    let mut name = default;
    for (config, taken) in configs.iter().rev() {
        let mut taken = taken.lock().unwrap();
        if let (Some(word), false) = (config.name, *taken) {
            *taken = true;
            name = WORDS[word];
            break;
        }
    }
    let run_type = [RunType::Chain, RunType::Tool, RunType::Retriever][node.run_type];
    let notified: Vec<_> = own
        .handlers
        .iter()
        .filter(|&&handler| wanted(handler).intersects(EventMask::of_runs(run_type)))
        .collect();
    // A run that no handler receives has no number.
    let number = (!notified.is_empty()).then(|| {
        *runs += 1;
        *runs - 1
    });
    for &handler in notified {
        observed.push(Observed {
            handler,
            name: name.to_owned(),
            parent: around.parent,
            tags: own.tags.iter().map(|&word| WORDS[word].to_owned()).collect(),
            metadata: own
                .metadata
                .iter()
                .map(|(&key, &value)| (WORDS[key].to_owned(), value.into()))
                .collect(),
        });
    }
    let around = Around { parent: number, inherited, configs: Vec::new() };
    node.inner.iter().for_each(|inner| expect(inner, &around, runs, observed));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn each_run_has_the_settings_that_the_rules_define(node in node()) {
        let world = World::new();
        futures::executor::block_on(call(Arc::clone(&world), node.clone()));
        let mut expected = Vec::new();
        expect(&node, &Around::default(), &mut 0, &mut expected);
        let observed = world.observed.lock().unwrap().clone();
        prop_assert_eq!(observed, expected);
    }
}
