use memchr::memchr;

use super::SseEvent;
use crate::wire::framed::{Framed, KEPT_CAPACITY};

/// The state that outlives a pushed slice: the fields of an unfinished event and the last event id.
#[derive(Debug, Default)]
pub(super) struct OwnedFields {
    event: String,
    data: String,
    has_data: bool,
    id: String,
}

/// An event under construction. Its fields borrow from the pushed slice (`'a`) until something
/// forces a copy: a second data line, bad UTF-8, or the end of the slice ([`EventBuilder::keep`]).
pub(super) struct EventBuilder<'k, 'a> {
    kept: &'k mut OwnedFields,
    event: Option<&'a str>,
    data: Option<&'a str>,
}

/// The fields that are read.
#[derive(Clone, Copy)]
enum Field {
    Event,
    Data,
    Id,
    Error,
}

impl<'k, 'a> EventBuilder<'k, 'a> {
    pub(super) fn new(kept: &'k mut OwnedFields) -> Self {
        Self { kept, event: None, data: None }
    }

    /// Adds a line of the pushed slice. Returns false if the event exceeds the limit.
    pub(super) fn line(&mut self, line: &'a [u8], limit: usize) -> bool {
        if line.len().saturating_add(self.len()) > limit {
            return false;
        }
        let Some((field, value)) = field(line) else { return true };
        match (str::from_utf8(value), field) {
            (Ok(value), Field::Event) => self.event = Some(value),
            (Ok(value), Field::Data) if self.data.is_none() && !self.kept.has_data => {
                self.data = Some(value);
            }
            (Ok(value), _) => self.copy(field, value),
            (Err(_), _) => self.copy(field, &String::from_utf8_lossy(value)),
        }
        // Replacement characters are longer than what they replace.
        self.len() <= limit
    }

    /// Like [`line`](Self::line), for a line that does not live as long as the slice.
    pub(super) fn transient_line(&mut self, line: &[u8], limit: usize) -> bool {
        if line.len().saturating_add(self.len()) > limit {
            return false;
        }
        if let Some((field, value)) = field(line) {
            self.copy(field, &String::from_utf8_lossy(value));
        }
        self.len() <= limit
    }

    fn copy(&mut self, field: Field, value: &str) {
        match field {
            Field::Event => {
                self.event = None;
                value.clone_into(&mut self.kept.event);
            }
            Field::Data => {
                self.keep_data();
                if self.kept.has_data {
                    self.kept.data.push('\n');
                }
                self.kept.data.push_str(value);
                self.kept.has_data = true;
            }
            // Per the standard an id with a NUL is ignored; any other stays until the next one.
            Field::Id if value.contains('\0') => {}
            Field::Id => value.clone_into(&mut self.kept.id),
            Field::Error => {
                self.event = Some("error");
                self.copy(Field::Data, value);
            }
        }
    }

    fn keep_data(&mut self) {
        if let Some(data) = self.data.take() {
            self.kept.data.push_str(data);
            self.kept.has_data = true;
        }
    }

    /// Copies the borrowed fields: the slice ends here.
    pub(super) fn keep(mut self) {
        self.keep_data();
        if let Some(event) = self.event.take() {
            event.clone_into(&mut self.kept.event);
        }
    }

    /// Returns the length of the fields so far, in bytes.
    pub(super) fn len(&self) -> usize {
        let event = self.event.map_or(self.kept.event.len(), str::len);
        self.kept.data.len() + self.data.map_or(0, str::len) + event
    }

    /// Emits the event, unless it has no data, and begins the next one.
    pub(super) fn dispatch(&mut self, complete: bool, each: &mut dyn FnMut(Framed<'_>)) {
        if self.data.is_some() || self.kept.has_data {
            let filled = |text: &&str| !text.is_empty();
            each(Framed::Event(SseEvent {
                event: Some(self.event.unwrap_or(&self.kept.event)).filter(filled),
                data: self.data.unwrap_or(&self.kept.data),
                id: Some(&*self.kept.id).filter(filled),
                complete,
            }));
        }
        self.clear();
    }

    /// Discards the event but keeps the last event id.
    pub(super) fn clear(&mut self) {
        self.event = None;
        self.data = None;
        self.kept.has_data = false;
        for text in [&mut self.kept.event, &mut self.kept.data] {
            text.clear();
            text.shrink_to(KEPT_CAPACITY);
        }
    }
}

/// Returns the field and value of a line, `None` for comments and ignored fields. `retry` is ignored because
/// the decoder cannot reconnect.
fn field(line: &[u8]) -> Option<(Field, &[u8])> {
    let (name, value) = match memchr(b':', line) {
        Some(colon) => (&line[..colon], &line[colon + 1..]),
        None => (line, &line[line.len()..]),
    };
    let value = value.strip_prefix(b" ").unwrap_or(value);
    match name {
        b"data" => Some((Field::Data, value)),
        b"event" => Some((Field::Event, value)),
        b"id" => Some((Field::Id, value)),
        // Nonstandard: llama.cpp servers before September 2025 send errors this way.
        b"error" if !value.is_empty() => Some((Field::Error, value)),
        _ => None,
    }
}
