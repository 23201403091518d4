use std::{fmt, fmt::Write as _};

use serde_json::{Value, map, value::Value as Json};

use super::text_count::TextCount;

/// The bytes of text up to which all of it is counted.
const WHOLE: u64 = 64 * 1024;

/// The bytes of a sample. Its first and last word may be cut, which adds at most one word in about 200.
const SAMPLE: u64 = 1024;

/// A part of a request. Each is tokenised in a way of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Text,
    Tools,
    Schema,
}

#[derive(Debug)]
struct Part {
    words: TextCount,
    bytes: u64,
    counted: u64,
}

/// Counts the words of a request, or of samples of it.
#[derive(Debug)]
pub(super) struct PromptWords {
    parts: [Part; 3],
    at: Section,
    mode: Mode,
    /// The bytes that are left of the sample, or else of the gap.
    sample_left: u64,
    gap_left: u64,
}

#[derive(Debug, Clone, Copy)]
enum Mode {
    /// All of it is counted, up to `WHOLE` bytes. What follows is measured.
    Whole,
    /// Samples, with gaps of so many bytes.
    Samples(u64),
}

impl PromptWords {
    /// Creates one that counts all of a request that is not too large, each part by a copy of an empty count.
    pub(super) fn whole(empty: &TextCount) -> Self {
        let part = || Part { words: empty.clone(), bytes: 0, counted: 0 };
        Self {
            parts: [part(), part(), part()],
            at: Section::Text,
            mode: Mode::Whole,
            sample_left: 0,
            gap_left: 0,
        }
    }

    /// Creates one that counts samples of a request of so many bytes.
    pub(super) fn samples(bytes: u64, empty: &TextCount) -> Self {
        // The samples are a share of `WHOLE / bytes`.
        let gap = (SAMPLE.saturating_mul(bytes) / WHOLE).saturating_sub(SAMPLE).max(1);
        Self { mode: Mode::Samples(gap), sample_left: SAMPLE, ..Self::whole(empty) }
    }

    /// Whether only a part of the request was counted.
    pub(super) fn is_too_large(&self) -> bool {
        self.bytes() > WHOLE
    }

    pub(super) fn section(&mut self, section: Section) {
        self.at = section;
    }

    pub(super) fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }

    pub(super) fn bytes_of(&self, section: Section) -> u64 {
        self.parts[section as usize].bytes
    }

    /// Returns the words of a section, with those that were passed over.
    pub(super) fn words(&self, section: Section) -> f64 {
        let part = &self.parts[section as usize];
        let words = part.words.tokens();
        match part.counted {
            counted if counted == part.bytes => words,
            // A short section may fall between two samples.
            0 => part.bytes as f64 * 0.23,
            counted => words * (part.bytes as f64 / counted as f64),
        }
    }

    /// Adds a text. Words do not go on in the next one.
    pub(super) fn text(&mut self, text: &str) {
        self.piece(text);
        self.parts[self.at as usize].words.end_word();
    }

    /// Adds tokens that are given as numbers.
    pub(super) fn numbers(&mut self, tokens: usize) {
        for _ in 0..tokens.min(1 << 20) {
            self.text("1");
        }
    }

    fn piece(&mut self, mut text: &str) {
        let so_far = self.bytes();
        let part = &mut self.parts[self.at as usize];
        part.bytes += text.len() as u64;
        let gap = match self.mode {
            Mode::Samples(gap) => gap,
            Mode::Whole => {
                if so_far + text.len() as u64 <= WHOLE {
                    part.counted += text.len() as u64;
                    part.words.push(text);
                }
                return;
            }
        };
        while !text.is_empty() {
            let in_sample = self.sample_left > 0;
            let left = if in_sample { self.sample_left } else { self.gap_left };
            let (now, rest) = text.split_at(ceil_boundary(text, left));
            let length = now.len() as u64;
            if in_sample {
                part.words.push(now);
                part.counted += length;
                self.sample_left = self.sample_left.saturating_sub(length);
                if self.sample_left == 0 {
                    part.words.end_word();
                    self.gap_left = gap;
                }
            } else {
                self.gap_left = self.gap_left.saturating_sub(length);
                if self.gap_left == 0 {
                    self.sample_left = SAMPLE;
                }
            }
            text = rest;
        }
    }

    /// Adds a value as compact JSON, without recursion.
    pub(super) fn json(&mut self, value: &Value) {
        let mut open: Vec<Open<'_>> = Vec::new();
        let mut next = Some(value);
        loop {
            if let Some(value) = next.take() {
                match value {
                    Json::String(text) => {
                        self.piece("\"");
                        self.piece(text);
                        self.piece("\"");
                    }
                    Json::Array(items) => {
                        self.piece("[");
                        open.push(Open::Items(items.iter(), true));
                    }
                    Json::Object(members) => {
                        self.piece("{");
                        open.push(Open::Members(members.iter(), true));
                    }
                    // Writing to words cannot fail.
                    other => _ = write!(Pieces(self), "{other}"),
                }
            }
            match open.last_mut() {
                None => break,
                Some(Open::Items(items, first)) => match items.next() {
                    Some(item) => {
                        if !std::mem::take(first) {
                            self.piece(",");
                        }
                        next = Some(item);
                    }
                    None => {
                        self.piece("]");
                        open.pop();
                    }
                },
                Some(Open::Members(members, first)) => match members.next() {
                    Some((name, value)) => {
                        self.piece(if std::mem::take(first) { "\"" } else { ",\"" });
                        self.piece(name);
                        self.piece("\":");
                        next = Some(value);
                    }
                    None => {
                        self.piece("}");
                        open.pop();
                    }
                },
            }
        }
        self.parts[self.at as usize].words.end_word();
    }
}

/// An array or object that is being written, and whether its next item is the first.
enum Open<'v> {
    Items(std::slice::Iter<'v, Value>, bool),
    Members(map::Iter<'v>, bool),
}

struct Pieces<'a>(&'a mut PromptWords);

impl fmt::Write for Pieces<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.piece(text);
        Ok(())
    }
}

/// Returns the first character boundary at or after `bytes`.
fn ceil_boundary(text: &str, bytes: u64) -> usize {
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    if bytes >= text.len() {
        return text.len();
    }
    (bytes..text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len())
}
