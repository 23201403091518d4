use super::ConsoleTarget;
use crate::{
    event::Event,
    handler::{CallbackHandler, EventMask},
    handlers::RunTrees,
    run::Run,
};

/// A handler that writes each tree of runs when it is finished: the [`RunTree`](crate::handlers::RunTree)'s lines.
///
/// Add it as blocking, where all runs of a tree hear of it: at request time, or as a layer's inheritable
/// callbacks. It keeps the runs of trees that are growing, at most 10,000, without their contents being shown.
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
    output: ConsoleTarget,
}

impl PrintTrees {
    /// Writes to standard output.
    pub fn stdout() -> Self {
        Self::new(ConsoleTarget::stdout())
    }

    /// Writes to an output.
    pub fn new(output: ConsoleTarget) -> Self {
        Self { trees: RunTrees::new(), output }
    }
}

impl CallbackHandler for PrintTrees {
    fn interests(&self) -> EventMask {
        self.trees.interests()
    }

    fn on_event(&self, run: &Run, event: &Event) {
        self.trees.on_event(run, event);
        if event.kind().is_terminal() {
            for tree in self.trees.take() {
                self.output.write(&format!("{tree}\n"));
            }
        }
    }
}
