use memchr::memchr;

use super::{Piece, SseEvent};

/// Capacity that is kept from event to event; a single huge event must not pin its memory for the
/// rest of a long stream.
const KEPT_CAPACITY: usize = 64 * 1024;

/// What outlives a pushed slice: the fields of an unfinished event, and the last event id.
#[derive(Debug, Default)]
pub(super) struct Kept {
    event: String,
    data: String,
    has_data: bool,
    id: String,
}

/// An event under construction. Its fields borrow from the pushed slice (`'a`) until something
/// forces a copy: a second data line, bad UTF-8, or the end of the slice ([`Block::keep`]).
pub(super) struct Block<'k, 'a> {
    kept: &'k mut Kept,
    event: Option<&'a str>,
    data: Option<&'a str>,
}

/// The fields that matter here, by name.
#[derive(Clone, Copy)]
enum Field {
    Event,
    Data,
    Id,
    Error,
}

impl<'k, 'a> Block<'k, 'a> {
    pub(super) fn new(kept: &'k mut Kept) -> Self {
        Self { kept, event: None, data: None }
    }

    /// Adds a line of the pushed slice. False where the event then is over the limit.
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

    /// Adds a line that does not live as long as the slice.
    pub(super) fn passing_line(&mut self, line: &[u8], limit: usize) -> bool {
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
            // The standard: an id with a NUL is ignored, any other stays until the next one.
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

    /// The slice ends here: copies what was borrowed from it.
    pub(super) fn keep(mut self) {
        self.keep_data();
        if let Some(event) = self.event.take() {
            event.clone_into(&mut self.kept.event);
        }
    }

    /// The bytes of its fields so far.
    pub(super) fn len(&self) -> usize {
        let event = self.event.map_or(self.kept.event.len(), str::len);
        self.kept.data.len() + self.data.map_or(0, str::len) + event
    }

    /// Tells the event, unless it has no data, and begins the next one.
    pub(super) fn dispatch(&mut self, complete: bool, each: &mut dyn FnMut(Piece<'_>)) {
        if self.data.is_some() || self.kept.has_data {
            let filled = |text: &&str| !text.is_empty();
            each(Piece::Event(SseEvent {
                event: Some(self.event.unwrap_or(&self.kept.event)).filter(filled),
                data: self.data.unwrap_or(&self.kept.data),
                id: Some(&*self.kept.id).filter(filled),
                complete,
            }));
        }
        self.clear();
    }

    /// Forgets the event; the last event id stays.
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

/// Field and value of a line; none for comments and fields that do not matter. `retry` is for
/// clients that reconnect, which is not ours to do.
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
        // Not of the standard: llama.cpp servers before September 2025 send errors so.
        b"error" if !value.is_empty() => Some((Field::Error, value)),
        _ => None,
    }
}
