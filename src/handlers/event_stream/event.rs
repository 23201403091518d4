use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::{
    event::{Event, EventData, EventKind},
    run::Run,
};

/// An event of an [`EventStream`](super::EventStream): owned, and cheap to clone.
///
/// It serialises as the event's [record](Event::record), with a key `parent_ids` added.
#[derive(Debug, Clone)]
pub struct RunEvent {
    run: Run,
    event: Event,
}

impl RunEvent {
    /// An event at the moment when it is told, of a run that dropped so many tokens.
    pub(super) fn told(run: &Run, event: &Event, dropped_tokens: u64) -> Self {
        let data = match dropped_tokens {
            0 => event.data().clone(),
            dropped => event.data().with_dropped_tokens(dropped),
        };
        Self { run: run.clone(), event: Event::new(event.seq(), Some(event.time()), data) }
    }

    /// The run: its id, name, type, tags and metadata.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// The ids of the runs that the run is in, root first.
    pub fn parent_ids(&self) -> &[Uuid] {
        self.run.parent_ids()
    }

    /// The event: its number in the run, and when it happened.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// Which event it is.
    pub fn kind(&self) -> EventKind {
        self.event.kind()
    }

    /// What it tells.
    pub fn data(&self) -> &EventData {
        self.event.data()
    }
}

impl Serialize for RunEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct WithParents<'a> {
            #[serde(flatten)]
            record: crate::event::Record<'a>,
            parent_ids: &'a [Uuid],
        }
        let (record, parent_ids) = (self.event.record(&self.run), self.parent_ids());
        WithParents { record, parent_ids }.serialize(serializer)
    }
}
