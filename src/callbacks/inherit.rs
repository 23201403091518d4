//! What a run is made of: the settings of its layer, of the runs above it, and of request time.

use std::{sync::Arc, time::SystemTime};

use http::Extensions;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    Callbacks, RunConfig,
    cell::Cell,
    config::{Config, Once},
};
use crate::{
    event::{ContentCapture, Retry},
    handler::EventMask,
    run::{Attempts, Baggage, Context, Inside, Run, RunInfo, RunType, TraceParent},
};

/// Handlers, tags and metadata that go together.
#[derive(Clone, Default, Debug)]
pub(crate) struct Attached {
    pub(crate) callbacks: Callbacks,
    pub(crate) tags: Vec<Arc<str>>,
    pub(crate) metadata: Map<String, Value>,
}

impl Attached {
    pub(crate) fn is_empty(&self) -> bool {
        self.callbacks.is_empty() && self.tags.is_empty() && self.metadata.is_empty()
    }

    pub(crate) fn add_tags<T: Into<Arc<str>>>(&mut self, tags: impl IntoIterator<Item = T>) {
        for tag in tags {
            add_tag(&mut self.tags, &tag.into());
        }
    }
}

/// What a layer says of the runs it makes.
#[derive(Clone, Debug)]
pub(crate) struct RunSpec {
    pub(crate) run_type: RunType,
    pub(crate) name: Arc<str>,
    /// For the layer's own runs.
    pub(crate) local: Attached,
    /// For their children too.
    pub(crate) inheritable: Attached,
    /// How much of their content is told.
    pub(crate) content: ContentCapture,
}

/// What a run hands to its children.
#[derive(Default)]
struct Inherited {
    cells: Vec<Arc<Cell>>,
    tags: Vec<Arc<str>>,
    metadata: Map<String, Value>,
}

impl Inherited {
    fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.tags.is_empty() && self.metadata.is_empty()
    }
}

/// The run, and who is told of it.
pub(crate) struct Opened {
    pub(crate) run: Run,
    pub(crate) cells: Vec<Arc<Cell>>,
    pub(crate) content: ContentCapture,
    /// The call that it is an attempt of, where those are counted.
    pub(crate) attempts: Option<Arc<Attempts>>,
    /// The attempt before it has failed.
    pub(crate) retry: Option<Retry>,
}

impl Opened {
    /// A run that is somewhere else, for the handlers of a set here.
    pub(crate) fn elsewhere(info: RunInfo, start_time: SystemTime, callbacks: &Callbacks) -> Self {
        let heard = EventMask::of_runs(info.run_type);
        let cells = callbacks.cells().iter().filter(|cell| cell.interests.intersects(heard));
        Self {
            cells: cells.cloned().collect(),
            run: Run::elsewhere(info, start_time),
            content: ContentCapture::Full,
            attempts: None,
            retry: None,
        }
    }
}

impl RunSpec {
    pub(crate) fn new(run_type: RunType, callbacks: Callbacks) -> Self {
        Self {
            run_type,
            name: run_type.as_str().into(),
            local: Attached { callbacks, ..Attached::default() },
            inheritable: Attached::default(),
            content: ContentCapture::Full,
        }
    }

    /// Makes a run; none where there is nobody to tell and nothing for children.
    ///
    /// Handlers come in LangChain's order: inherited ones, those of request time, then the layer's.
    /// The current context counts; where there is none, the one that the request carries. A
    /// configuration that the request carries counts in any case.
    pub(crate) fn open(&self, carried: Option<&Extensions>) -> Option<Opened> {
        self.open_traced(carried, || None)
    }

    /// The same for a call that may have a `traceparent` header.
    pub(crate) fn open_traced(
        &self,
        carried: Option<&Extensions>,
        traceparent: impl FnOnce() -> Option<TraceParent>,
    ) -> Option<Opened> {
        let mut context = Context::current();
        if let (true, Some(carried)) = (context.is_none(), carried.and_then(Extensions::get)) {
            context = Context::clone(carried);
        }
        let own = carried.and_then(Extensions::get::<RunConfig>).map(RunConfig::config);
        let nothing = self.local.callbacks.is_empty() && self.inheritable.is_empty();
        if context.is_none() && own.is_none() && nothing {
            return None;
        }

        let parent = context.parent();
        let above = parent.and_then(Run::baggage).and_then(|b| b.downcast_ref::<Inherited>());
        let around = context.configs().iter().filter_map(|config| config.downcast_ref());
        let configs: Vec<&Config> = around.chain(own.as_ref()).collect();

        let mut inherited = Inherited::default();
        if let Some(above) = above {
            inherited.cells.clone_from(&above.cells);
            inherited.tags.clone_from(&above.tags);
            inherited.metadata.clone_from(&above.metadata);
        }
        let attached = configs.iter().map(|config| &*config.attached);
        for attached in attached.chain([&self.inheritable]) {
            add(&mut inherited.cells, &mut inherited.tags, &mut inherited.metadata, attached);
        }
        let mut cells = inherited.cells.clone();
        let mut tags = inherited.tags.clone();
        let mut metadata = inherited.metadata.clone();
        add(&mut cells, &mut tags, &mut metadata, &self.local);
        cells.retain(|cell| !is_inside(context.inside(), cell));

        let adds = configs.iter().any(|config| !config.attached.is_empty());
        if cells.is_empty() && !adds && self.inheritable.is_empty() {
            return None;
        }
        cells.retain(|cell| cell.interests.intersects(EventMask::of_runs(self.run_type)));

        let traceparent = traceparent();
        let trace_id = traceparent.as_ref().map(TraceParent::trace_id);
        if let Some(trace_id) = trace_id {
            metadata.entry("trace_id").or_insert_with(|| trace_id.into());
        }
        let trace_id = trace_id.or_else(|| parent.and_then(Run::trace_id)).map(Arc::from);
        // The innermost word counts; it is taken by the first run.
        let innermost_first = || configs.iter().rev().map(|config| &*config.once);
        let run_id = innermost_first().find_map(Once::take_id).unwrap_or_else(Uuid::now_v7);
        let name = innermost_first().find_map(Once::take_name);
        configs.iter().for_each(|config| config.once.made(run_id));
        let attempts = context.attempts().cloned();
        let (attempt, failed) = attempts.as_deref().map_or((1, None), Attempts::begin);
        let retry = failed.map(|failed| Retry {
            attempt,
            error: self.content.error(failed.error, failed.without_content),
            failed_run_id: failed.run_id,
        });
        let info = RunInfo {
            run_id,
            parents: parent.map(Run::path),
            run_type: self.run_type,
            name: name.unwrap_or_else(|| Arc::clone(&self.name)),
            tags: tags.into(),
            metadata: Arc::new(metadata),
            attempt,
            traceparent,
            trace_id,
        };
        let baggage = (!inherited.is_empty()).then(|| Arc::new(inherited) as Baggage);
        let run = Run::new(info, baggage, context.inside().cloned());
        Some(Opened { run, cells, content: self.content, attempts, retry })
    }
}

fn add(
    cells: &mut Vec<Arc<Cell>>,
    tags: &mut Vec<Arc<str>>,
    metadata: &mut Map<String, Value>,
    attached: &Attached,
) {
    for cell in attached.callbacks.cells().iter() {
        if cells.iter().all(|other| other.identity() != cell.identity()) {
            cells.push(Arc::clone(cell));
        }
    }
    for tag in &attached.tags {
        add_tag(tags, tag);
    }
    for (key, value) in &attached.metadata {
        metadata.insert(key.clone(), value.clone());
    }
}

fn add_tag(tags: &mut Vec<Arc<str>>, tag: &Arc<str>) {
    if !tags.contains(tag) {
        tags.push(Arc::clone(tag));
    }
}

/// Whether the handler's own code makes the call: it is not told of it, or it might never end.
fn is_inside(inside: Option<&Arc<Inside>>, cell: &Arc<Cell>) -> bool {
    let mut inside = inside;
    while let Some(handler) = inside {
        if handler.handler == cell.identity() {
            return true;
        }
        inside = handler.outer.as_ref();
    }
    false
}
