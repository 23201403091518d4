use memchr::memchr;

use super::{SseEvent, texts::Texts};
use crate::wire::framed::{Framed, KEPT_CAPACITY};

/// The state that outlives a pushed slice: the fields of an unfinished event and the last event id.
#[derive(Debug, Default)]
pub(super) struct OwnedFields {
    event: String,
    /// The type in a line behind the data. It belongs to the next event if this one ends before its blank line.
    next_event: Option<String>,
    data: String,
    has_data: bool,
    id: String,
    /// Set if JSON texts are events, with or without the lines that the standard requires.
    texts: Option<Texts>,
}

impl OwnedFields {
    pub(super) fn with_texts(texts: Texts) -> Self {
        Self { texts: Some(texts), ..Self::default() }
    }

    pub(super) fn texts(&mut self) -> Option<&mut Texts> {
        self.texts.as_mut()
    }
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
    pub(super) fn line(
        &mut self,
        line: &'a [u8],
        limit: usize,
        each: &mut dyn FnMut(Framed<'_>),
    ) -> bool {
        let borrow =
            |this: &mut Self, field: Field, value: &'a [u8]| match (str::from_utf8(value), field) {
                (Ok(value), Field::Event) if !this.has_data() => this.event = Some(value),
                (Ok(value), Field::Data) if !this.has_data() => this.data = Some(value),
                (Ok(value), _) => this.copy(field, value),
                (Err(_), _) => this.copy(field, &String::from_utf8_lossy(value)),
            };
        self.add(line, limit, each, borrow)
    }

    /// Like [`line`](Self::line), for a line that does not live as long as the slice.
    pub(super) fn transient_line(
        &mut self,
        line: &[u8],
        limit: usize,
        each: &mut dyn FnMut(Framed<'_>),
    ) -> bool {
        self.add(line, limit, each, |this, field, value| {
            match str::from_utf8(value) {
                Ok(value) => this.copy(field, value),
                // Slower, even if there is nothing to replace.
                Err(_) => this.copy(field, &String::from_utf8_lossy(value)),
            }
        })
    }

    #[inline]
    fn add<'l>(
        &mut self,
        line: &'l [u8],
        limit: usize,
        each: &mut dyn FnMut(Framed<'_>),
        put: impl Fn(&mut Self, Field, &'l [u8]),
    ) -> bool {
        if line.len().saturating_add(self.len()) > limit {
            return false;
        }
        let Some(texts) = &mut self.kept.texts else {
            if let Some((field, value)) = field(line) {
                put(self, field, value);
            }
            return self.len() <= limit;
        };
        if texts.continues(line) {
            put(self, Field::Data, line);
            self.text_may_have_ended(line, each);
            return self.len() <= limit;
        }
        match field(line) {
            Some((field @ (Field::Data | Field::Error), value)) => {
                texts.any();
                self.end_text_before(value, each);
                put(self, field, value);
            }
            Some((field, value)) => put(self, field, value),
            None if texts.begins(line) => {
                self.dispatch(true, each);
                let mut rest = line;
                // Texts may follow each other without a line end.
                while let Some(text) = self.kept.texts.as_mut().and_then(|it| it.next_in(&mut rest))
                {
                    put(self, Field::Data, text);
                    self.text_may_have_ended(b"", each);
                }
            }
            None => texts.unframed(line),
        }
        // Replacement characters are longer than what they replace.
        self.len() <= limit
    }

    /// Whether a line is a JSON text without fields, or a part of one.
    pub(super) fn is_text(&self, line: &[u8]) -> bool {
        let texts = self.kept.texts.as_ref();
        texts.is_some_and(|texts| texts.begins(line) || texts.continues(line))
    }

    /// Ends a text without fields at its last bracket.
    fn text_may_have_ended(&mut self, line: &[u8], each: &mut dyn FnMut(Framed<'_>)) {
        if self.kept.texts.as_mut().is_some_and(|texts| texts.has_ended(line)) {
            self.dispatch(true, each);
        }
    }

    /// Ends the event before a further data line, if its data are a JSON text already.
    fn end_text_before(&mut self, value: &[u8], each: &mut dyn FnMut(Framed<'_>)) {
        if !self.has_data() {
            return;
        }
        let so_far = self.data.unwrap_or(&self.kept.data);
        if let Some(texts) = &mut self.kept.texts
            && texts.is_whole(so_far.as_bytes(), value)
        {
            let next = self.kept.next_event.take();
            self.dispatch(true, each);
            if let Some(next) = next {
                self.kept.event = next;
            }
        }
    }

    fn has_data(&self) -> bool {
        self.data.is_some() || self.kept.has_data
    }

    fn copy(&mut self, field: Field, value: &str) {
        match field {
            Field::Event if self.has_data() => self.kept.next_event = Some(value.to_owned()),
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
        let next = self.kept.next_event.as_ref().map_or(0, String::len);
        self.kept.data.len() + self.data.map_or(0, str::len) + event + next
    }

    /// Emits the event, unless it has no data, and begins the next one.
    pub(super) fn dispatch(&mut self, complete: bool, each: &mut dyn FnMut(Framed<'_>)) {
        if self.has_data() {
            let filled = |text: &&str| !text.is_empty();
            let event = self.kept.next_event.as_deref();
            let event = event.unwrap_or(self.event.unwrap_or(&self.kept.event));
            each(Framed::Event(SseEvent {
                event: Some(event).filter(filled),
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
        self.kept.next_event = None;
        if let Some(texts) = &mut self.kept.texts {
            texts.clear();
        }
        for text in [&mut self.kept.event, &mut self.kept.data] {
            text.clear();
            text.shrink_to(KEPT_CAPACITY);
        }
    }
}

/// Returns the field and value of a line, `None` for comments and ignored fields. `retry` is ignored because
/// the decoder cannot reconnect.
fn field(line: &[u8]) -> Option<(Field, &[u8])> {
    // The most frequent field, without a search for its end.
    if let Some(value) = line.strip_prefix(b"data:") {
        return Some((Field::Data, value.strip_prefix(b" ").unwrap_or(value)));
    }
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
