use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use tokio::runtime::Handle;

use crate::{
    delivery::{Hooks, Member},
    sync::lock,
};

/// A reloadable set that is part of another one.
#[derive(Clone)]
pub(crate) struct LivePart {
    pub(crate) set: Arc<LiveMembers>,
    /// The hooks of the other set.
    pub(super) hooks: Hooks,
    /// For handlers without one.
    pub(super) runtime: Option<Handle>,
}

impl LivePart {
    /// Returns the handlers of a run that starts now.
    pub(crate) fn members(&self) -> Arc<Vec<Arc<Member>>> {
        let members = self.set.current();
        if self.hooks.is_empty() && self.runtime.is_none() {
            return members;
        }
        let in_set = |member: &Arc<Member>| member.in_set(&self.hooks, self.runtime.as_ref());
        Arc::new(members.iter().map(in_set).collect())
    }
}

/// Handlers that may be replaced: see [`Reloadable`](super::Reloadable).
pub(crate) struct LiveMembers {
    current: RwLock<Arc<Vec<Arc<Member>>>>,
    /// Handlers of former sets, as long as runs have them.
    former: Mutex<Vec<Weak<Member>>>,
}

impl LiveMembers {
    pub(super) fn new(members: Vec<Arc<Member>>) -> Self {
        Self { current: RwLock::new(Arc::new(members)), former: Mutex::default() }
    }

    /// Returns the handlers of a run that starts now.
    pub(crate) fn current(&self) -> Arc<Vec<Arc<Member>>> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the handlers. Returns those before.
    pub(super) fn replace(&self, members: Vec<Arc<Member>>) -> Arc<Vec<Arc<Member>>> {
        let mut former = lock(&self.former);
        let replaced = {
            let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *current, Arc::new(members))
        };
        former.retain(|member| member.strong_count() > 0);
        former.extend(replaced.iter().map(Arc::downgrade));
        replaced
    }

    /// Returns the handlers of former sets that still have runs in flight.
    pub(super) fn former(&self) -> Vec<Arc<Member>> {
        lock(&self.former).iter().filter_map(Weak::upgrade).collect()
    }
}
