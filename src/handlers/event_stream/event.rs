use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::{
    event::{Event, EventData, EventKind},
    run::Run,
};

/// An event of an [`EventStream`](super::EventStream): owned, and cheap to clone.
///
/// Serializes as the event's [record](Event::record) with an additional key `parent_ids`.
#[derive(Debug, Clone)]
pub struct RunEvent {
    run: Run,
    event: Event,
}

impl RunEvent {
    /// Copies an event while it is delivered. The end of a model's run gets the number of tokens that the stream dropped.
    pub(super) fn new(run: &Run, event: &Event, dropped_tokens: u64) -> Self {
        let data = match dropped_tokens {
            0 => event.data().clone(),
            dropped => event.data().with_dropped_tokens(dropped),
        };
        Self { run: run.clone(), event: Event::new(event.seq(), Some(event.time()), data) }
    }

    /// Returns the run: its id, name, type, tags and metadata.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Returns the ids of the run's ancestors, root first.
    pub fn parent_ids(&self) -> &[Uuid] {
        self.run.parent_ids()
    }

    /// Returns the event: its number in the run, its time and its data.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// Returns the kind of the event.
    pub fn kind(&self) -> EventKind {
        self.event.kind()
    }

    /// Returns the event's data.
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
