use std::sync::Arc;

use tokio::runtime::Handle;

use super::{
    draining::Draining,
    drains::{Drains, End},
    unread::Unread,
};
use crate::{
    panics::catch,
    run::{Consumer, Scope},
};

/// What becomes of a call when its consumer leaves it before its end. The call's future has it first, then its response.
pub(super) struct Leaving {
    drains: Arc<Drains>,
    consumer: Consumer,
    runtime: Option<Handle>,
    /// The scope around the call.
    scope: Scope,
}

impl Leaving {
    /// Returns this for a call that is made now.
    pub(super) fn of_call(drains: &Arc<Drains>) -> Self {
        let scope = Scope::current();
        Self {
            drains: Arc::clone(drains),
            consumer: Consumer::new(scope.consumer().cloned()),
            runtime: Handle::try_current().ok(),
            scope,
        }
    }

    /// Returns the scope to make the call in, whose runs know the consumer.
    pub(super) fn call_scope(&self) -> Scope {
        self.scope.configured(|scope| scope.consumer = Some(self.consumer.clone()))
    }

    /// Whether nothing was called yet whose answer could be read.
    pub(super) fn has_only_waited(&self) -> bool {
        self.consumer.has_only_waited()
    }

    /// The consumer leaves, and this is unread. Drains it, or drops it here.
    pub(super) fn drain(self, unread: Box<dyn Unread>) {
        let Self { drains, consumer, runtime, scope } = self;
        let Some(runtime) = runtime else { return drains.count(End::WithoutRuntime) };
        let Some(ticket) = drains.begin() else { return };
        let draining = Draining::new(unread, ticket, consumer, scope);
        // `spawn` may panic while the runtime shuts down. Then it drops the task, as when the runtime has shut down.
        let _ = catch(|| drop(runtime.spawn(draining)));
    }
}
