use std::{any::Any, sync::Arc};

use serde_json::{Map, Value};
use uuid::Uuid;

use super::{EmitError, RunType, TraceParent};

/// The ids of runs, root first. A thin pointer: every run has two of them.
pub(crate) type Path = Arc<Vec<Uuid>>;

/// What a run is: set when it is opened.
pub(crate) struct RunInfo {
    pub(crate) run_id: Uuid,
    /// The ids of the runs above, root first. `None` for a root.
    pub(crate) parents: Option<Path>,
    pub(crate) run_type: RunType,
    pub(crate) name: Arc<str>,
    pub(crate) tags: Arc<[Arc<str>]>,
    pub(crate) metadata: Arc<Map<String, Value>>,
    pub(crate) attempt: u32,
    /// The `traceparent` header of the HTTP request.
    pub(crate) traceparent: Option<TraceParent>,
    /// The W3C id of the trace that the run is part of: its own request's, or that of the run around it.
    pub(crate) trace_id: Option<Arc<str>>,
}

impl RunInfo {
    /// Sets the distributed trace: that of the request, else one that is given.
    pub(crate) fn set_trace(&mut self, traceparent: Option<TraceParent>, outer: Option<&str>) {
        if let Some(traceparent) = &traceparent {
            let metadata = Arc::make_mut(&mut self.metadata);
            metadata.entry("trace_id").or_insert_with(|| traceparent.trace_id().into());
        }
        let trace_id = traceparent.as_ref().map(TraceParent::trace_id);
        self.trace_id = trace_id.or(outer).map(Arc::from);
        self.traceparent = traceparent;
    }
}

/// What a run hands on to its children. Opaque in this room, which knows no handlers.
pub(crate) type Inherited = Arc<dyn Any + Send + Sync>;

/// The destination of events that are emitted through a run.
pub(crate) trait EventSink: Send + Sync {
    fn emit(self: Arc<Self>, name: &str, value: Value) -> Result<(), EmitError>;
}

/// How many of the runs above it a run knows.
const MAX_PARENTS: usize = 1024;

/// Returns the path of a run's children: the path of the run, and its id.
pub(crate) fn path_below(above: &[Uuid], run_id: Uuid) -> Path {
    // A run may end before its child starts, over and over: the path must not grow without bound.
    let skipped = usize::from(above.len() >= MAX_PARENTS);
    let root = above.iter().take(skipped);
    let nearest = above.iter().skip(2 * skipped);
    Arc::new(root.chain(nearest).copied().chain([run_id]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_keeps_the_root_and_the_nearest() {
        let ids: Vec<_> = (0..MAX_PARENTS as u128 + 3).map(Uuid::from_u128).collect();
        let mut path: Path = Arc::default();
        for (depth, id) in ids.iter().enumerate() {
            path = path_below(&path, *id);
            assert_eq!(path.len(), (depth + 1).min(MAX_PARENTS));
            assert_eq!((path[0], path[path.len() - 1]), (ids[0], *id));
        }
        assert_eq!(path[1..], ids[4..]);
    }
}
