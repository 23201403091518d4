use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use uuid::Uuid;

use super::Adaptation;
use crate::{handler::BatchEvent, sync::lock};

/// What an adaptor has made of the events of a batch that failed in one run: they come again, in the next call.
///
/// An adaptor has a state, so that it must see each event once.
#[derive(Default)]
pub(super) struct Redelivery {
    has_any: AtomicBool,
    kept: Mutex<HashMap<(Uuid, u64), Adaptation>>,
}

impl Redelivery {
    pub(super) fn keep<'a>(&self, rest: impl Iterator<Item = (&'a BatchEvent<'a>, Adaptation)>) {
        let mut kept = lock(&self.kept);
        kept.extend(rest.map(|(of, adaptation)| ((of.run.run_id(), of.event.seq()), adaptation)));
        self.has_any.store(!kept.is_empty(), Ordering::Release);
    }

    /// Returns what was made of an event before. An event comes again to the thread that kept it.
    pub(super) fn take(&self, of: &BatchEvent<'_>) -> Option<Adaptation> {
        if !self.has_any.load(Ordering::Acquire) {
            return None;
        }
        let mut kept = lock(&self.kept);
        let again = kept.remove(&(of.run.run_id(), of.event.seq()));
        self.has_any.store(!kept.is_empty(), Ordering::Release);
        again
    }
}
