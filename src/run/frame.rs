use std::{iter, sync::Arc};

use uuid::Uuid;

use super::Identity;

/// The handlers whose code is running, innermost first.
pub(crate) struct HandlerFrame {
    pub(crate) handler: Identity,
    /// The run whose event the handler handles.
    pub(crate) run_id: Uuid,
    pub(crate) outer: Option<Arc<HandlerFrame>>,
}

impl HandlerFrame {
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
            let handler = frame.handler.clone();
            Arc::new(Self { handler, run_id: frame.run_id, outer: Some(outer) })
        })
    }
}
