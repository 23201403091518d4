use crate::wire::json::Nesting;

/// The text outside of events that is kept.
const UNFRAMED_LIMIT: usize = 1024;

/// The JSON texts of an event stream whose server does not keep to the standard: a text without `data:`, on one line
/// or several, and events without the blank line that ends them.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// A line that begins and ends with brackets is a text: the stream is newline-delimited JSON.
    lines: bool,
    /// A text without fields has begun.
    bare: Option<Nesting>,
    /// What the data so far are, if they have more than one line. Each line is read once.
    data: Option<Data>,
    /// The lines before the first event that are neither fields nor JSON: an error page, for example.
    unframed: Vec<u8>,
    /// An event or a text was read.
    any: bool,
}

#[derive(Debug)]
enum Data {
    Blank,
    Text,
    Json(Nesting),
}

impl Data {
    fn of(line: &[u8]) -> Self {
        if begins_json(line) {
            let mut nesting = Nesting::default();
            nesting.end_in(line);
            return Self::Json(nesting);
        }
        if line.trim_ascii().is_empty() { Self::Blank } else { Self::Text }
    }
}

impl Texts {
    pub(super) fn new(lines: bool) -> Self {
        Self { lines, ..Self::default() }
    }

    /// Whether a line begins a text without fields.
    pub(super) fn begins(&self, line: &[u8]) -> bool {
        // What is no field is a text that cannot be read.
        let unreadable = || self.lines && !is_field(line) && !line.trim_ascii().is_empty();
        begins_json(line) || unreadable()
    }

    /// Whether a line belongs to the text that has begun. A field or the beginning of another text ends it.
    pub(super) fn continues(&self, line: &[u8]) -> bool {
        self.bare.is_some() && !line.starts_with(b"{") && !is_field(line)
    }

    /// Takes the next text, or the beginning of one, from a line.
    pub(super) fn next_in<'a>(&mut self, line: &mut &'a [u8]) -> Option<&'a [u8]> {
        let text = line.trim_ascii_start();
        if !self.begins(text) {
            return None;
        }
        let mut nesting = Nesting::default();
        let whole = match text.first() {
            Some(b'{') => text.trim_ascii_end().ends_with(b"}"),
            Some(b'[') => text.trim_ascii_end().ends_with(b"]"),
            _ => true,
        };
        let end = match self.lines && whole {
            true => Some(text.len()),
            false => nesting.end_in(text),
        };
        self.any = true;
        self.bare = end.is_none().then_some(nesting);
        let (text, rest) = text.split_at(end.unwrap_or(text.len()));
        *line = rest;
        Some(text)
    }

    /// Adds a line to the text that has begun. Returns whether it is complete.
    pub(super) fn has_ended(&mut self, line: &[u8]) -> bool {
        self.bare.as_mut().is_none_or(|nesting| nesting.end_in(line).is_some())
    }

    /// Whether the data so far are an event of their own, and the next data line does not continue them.
    pub(super) fn is_whole(&mut self, so_far: &[u8], next: &[u8]) -> bool {
        let data = self.data.get_or_insert_with(|| Data::of(so_far));
        match data {
            Data::Blank => {
                *data = Data::of(next);
                false
            }
            // Not JSON, such as a notice of a proxy.
            Data::Text => begins_json(next),
            Data::Json(nesting) => {
                let whole = nesting.has_ended();
                nesting.end_in(next);
                whole
            }
        }
    }

    /// A field with data was read.
    pub(super) fn any(&mut self) {
        self.any = true;
    }

    /// Keeps a line that is no field, if no event came before it.
    pub(super) fn unframed(&mut self, line: &[u8]) {
        if !self.any && !is_field(line) && !line.trim_ascii().is_empty() {
            let room = UNFRAMED_LIMIT.saturating_sub(self.unframed.len());
            self.unframed.extend_from_slice(&line[..line.len().min(room)]);
            self.unframed.push(b'\n');
        }
    }

    /// Takes the text of a body without any event.
    pub(super) fn take_unframed(&mut self) -> Vec<u8> {
        match self.any {
            true => Vec::new(),
            false => std::mem::take(&mut self.unframed),
        }
    }

    /// The event has ended.
    pub(super) fn clear(&mut self) {
        (self.bare, self.data) = (None, None);
    }
}

fn begins_json(line: &[u8]) -> bool {
    matches!(line.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// Whether a line begins like a field of an event stream, or is a comment.
fn is_field(line: &[u8]) -> bool {
    const FIELDS: [&[u8]; 6] = [b":", b"data", b"event", b"id", b"retry", b"error:"];
    FIELDS.iter().any(|field| line.starts_with(field))
}
