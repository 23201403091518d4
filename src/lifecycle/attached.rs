use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{
    callbacks::{Callbacks, LiveMembers},
    delivery::Member,
};

/// Handlers, tags and metadata, as a layer or a configuration sets them.
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

    pub(crate) fn add_callbacks(&mut self, callbacks: impl Into<Callbacks>) {
        self.callbacks.attach(&callbacks.into());
    }

    pub(crate) fn add_tags<T: Into<Arc<str>>>(&mut self, tags: impl IntoIterator<Item = T>) {
        for tag in tags {
            add_tag(&mut self.tags, &tag.into());
        }
    }
}

/// Handlers, tags and metadata, as a run has them or hands them on to its children.
#[derive(Clone, Default)]
pub(super) struct Parts {
    pub(super) members: Vec<Arc<Member>>,
    /// The reloadable sets whose handlers are among them.
    live: Vec<Arc<LiveMembers>>,
    pub(super) tags: Vec<Arc<str>>,
    pub(super) metadata: Map<String, Value>,
}

impl Parts {
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.tags.is_empty() && self.metadata.is_empty()
    }

    pub(super) fn add(&mut self, attached: &Attached) {
        attached.callbacks.fixed().iter().for_each(|member| self.add_member(member));
        for live in attached.callbacks.live() {
            // A run goes on with the handlers that the one above it has begun with.
            if self.live.iter().all(|known| !Arc::ptr_eq(known, &live.set)) {
                self.live.push(Arc::clone(&live.set));
                live.members().iter().for_each(|member| self.add_member(member));
            }
        }
        for tag in &attached.tags {
            add_tag(&mut self.tags, tag);
        }
        for (key, value) in &attached.metadata {
            self.metadata.insert(key.clone(), value.clone());
        }
    }

    fn add_member(&mut self, member: &Arc<Member>) {
        let identity = &member.slot.identity;
        if self.members.iter().all(|other| other.slot.identity != *identity) {
            self.members.push(Arc::clone(member));
        }
    }
}

fn add_tag(tags: &mut Vec<Arc<str>>, tag: &Arc<str>) {
    if !tags.contains(tag) {
        tags.push(Arc::clone(tag));
    }
}
