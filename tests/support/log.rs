//! Captures everything that is logged through `tracing`, at every level.

use std::{
    fmt::{Debug, Write},
    sync::{
        Mutex, Once,
        atomic::{AtomicU64, Ordering},
    },
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

static LOG: Mutex<String> = Mutex::new(String::new());

/// Starts capturing, on all threads.
pub fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| tracing::subscriber::set_global_default(Everything::default()).unwrap());
    tracing::trace!(what = "the log", "is on");
    assert!(all().contains("is on"));
}

pub fn all() -> String {
    LOG.lock().unwrap().clone()
}

#[derive(Default)]
struct Everything {
    spans: AtomicU64,
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

fn log(metadata: &Metadata<'_>, record: impl FnOnce(&mut Fields<'_>)) {
    let mut line = format!("{} {}", metadata.target(), metadata.name());
    record(&mut Fields(&mut line));
    writeln!(LOG.lock().unwrap(), "{line}").unwrap();
}

impl Subscriber for Everything {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        log(span.metadata(), |fields| span.record(fields));
        Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = String::from("recorded");
        values.record(&mut Fields(&mut line));
        writeln!(LOG.lock().unwrap(), "{line}").unwrap();
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        log(event.metadata(), |fields| event.record(fields));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
