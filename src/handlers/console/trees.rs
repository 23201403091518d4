use super::ConsoleTarget;
use crate::{
    event::Event,
    handler::{CallbackHandler, EventMask},
    handlers::RunTrees,
    run::Run,
};

/// A handler that writes each [`RunTree`](crate::handlers::RunTree) when it is finished.
///
/// Add it as a blocking handler, where it receives all runs of a tree: at request time, or as a layer's inheritable
/// callbacks. It keeps at most 10,000 runs of unfinished trees. Content is not shown.
///
/// ```
/// use tower_llm_callbacks::{Callbacks, handlers::PrintTrees};
///
/// let callbacks = Callbacks::new().blocking(PrintTrees::stdout());
/// # assert_eq!(callbacks.len(), 1);
/// ```
#[derive(Debug)]
pub struct PrintTrees {
    trees: RunTrees,
    target: ConsoleTarget,
}

impl PrintTrees {
    /// Creates a handler that writes to standard output.
    pub fn stdout() -> Self {
        Self::new(ConsoleTarget::stdout())
    }

    /// Creates a handler that writes to a target.
    pub fn new(target: ConsoleTarget) -> Self {
        Self { trees: RunTrees::new(), target }
    }
}

impl CallbackHandler for PrintTrees {
    fn event_mask(&self) -> EventMask {
        self.trees.event_mask()
    }

    fn on_event(&self, run: &Run, event: &Event) {
        self.trees.on_event(run, event);
        if event.kind().is_terminal() {
            for tree in self.trees.take() {
                self.target.write(&format!("{tree}\n"));
            }
        }
    }
}
