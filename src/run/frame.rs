use std::{iter, sync::Arc};

use uuid::Uuid;

use super::Identity;

/// The handlers whose code is running, innermost first.
pub(crate) struct HandlerFrame {
    pub(crate) handler: Identity,
    run_id: Uuid,
    /// The other runs of a batch.
    other_runs: Box<[Uuid]>,
    pub(crate) outer: Option<Arc<HandlerFrame>>,
}

impl HandlerFrame {
    /// Creates the frame of a handler that handles an event of a run.
    pub(crate) fn new(handler: Identity, run_id: Uuid, outer: Option<Arc<Self>>) -> Self {
        Self { handler, run_id, other_runs: Box::default(), outer }
    }

    /// Creates the frame of a handler that handles events of several runs, at least one.
    pub(crate) fn of_all(handler: Identity, run_ids: &[Uuid], outer: Option<Arc<Self>>) -> Self {
        let (first, others) = run_ids.split_first().expect("a batch has an event");
        Self { other_runs: others.into(), ..Self::new(handler, *first, outer) }
    }

    /// Returns the runs whose events the handler handles.
    pub(crate) fn run_ids(&self) -> impl Iterator<Item = Uuid> {
        iter::once(self.run_id).chain(self.other_runs.iter().copied())
    }

    /// Returns this frame and those around it.
    pub(crate) fn chain(self: &Arc<Self>) -> impl Iterator<Item = &Arc<Self>> {
        iter::successors(Some(self), |frame| frame.outer.as_ref())
    }

    /// Whether a handler's code is running in this frame or in one around it.
    pub(crate) fn runs(self: &Arc<Self>, handler: &Identity) -> bool {
        self.chain().any(|frame| frame.handler == *handler)
    }

    /// Returns this chain of frames, with those of another chain whose handlers are not in it.
    ///
    /// A handler has one frame in the result, so that chains cannot grow without bound.
    pub(crate) fn and(self: &Arc<Self>, other: Option<&Arc<Self>>) -> Arc<Self> {
        let others = other.iter().flat_map(|other| other.chain());
        let missing = others.filter(|frame| !self.runs(&frame.handler));
        missing.fold(Arc::clone(self), |outer, frame| {
            let (handler, other_runs) = (frame.handler.clone(), frame.other_runs.clone());
            Arc::new(Self { handler, run_id: frame.run_id, other_runs, outer: Some(outer) })
        })
    }
}
