use super::{Mask, MaskStep, MaskWindow};
use crate::event::prefix;

/// What replaces a text about which a mask cannot decide.
const COVERED: &str = "[MASKED]";

/// The bytes that a mask may wait for.
const MOST: usize = 512;
const MOST_WHOLE: usize = 1 << 20;

/// A text behind a mask, which comes in pieces. What comes out does not depend on the pieces.
#[derive(Debug)]
pub(super) struct MaskedText {
    held: String,
    before: Option<char>,
    /// Whether what follows is covered: up to the end of the word, or of the text if the mask takes whole texts.
    covers: bool,
    /// For JSON text: whether the place is inside a string. Its quotes and escapes stay.
    in_string: Option<bool>,
    most: usize,
}

impl MaskedText {
    /// Creates a text, or a JSON text, of an answer.
    pub(super) fn new(mask: &dyn Mask, is_json: bool) -> Self {
        let whole = mask.takes_whole_texts();
        Self {
            held: String::new(),
            before: None,
            covers: false,
            in_string: (is_json && !whole).then_some(false),
            most: if whole { MOST_WHOLE } else { MOST },
        }
    }

    /// Returns how a whole text of another kind comes out.
    pub(super) fn whole(mask: &dyn Mask, text: &str) -> String {
        let mut masked = Self::new(mask, false);
        if mask.takes_whole_texts() {
            masked.most = usize::MAX;
        }
        masked.finished(mask, text)
    }

    /// Returns how the rest of the text comes out, up to its end.
    pub(super) fn finished(mut self, mask: &dyn Mask, rest: &str) -> String {
        let mut out = String::with_capacity(rest.len());
        self.push(mask, rest, true, &mut out);
        out
    }

    /// Returns how many bytes wait for more.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// Covers what waits, and what follows it up to the end of the word: a piece is missing.
    pub(super) fn gap(&mut self, out: &mut String) {
        if !self.held.is_empty() {
            out.push_str(COVERED);
            self.held.clear();
        }
        self.covers = true;
    }

    /// Adds a piece. Appends to `out` what is decided by now.
    pub(super) fn push(&mut self, mask: &dyn Mask, piece: &str, is_end: bool, out: &mut String) {
        let mut held = std::mem::take(&mut self.held);
        held.push_str(piece);
        let mut at = 0;
        while at < held.len() {
            let covers = self.covers;
            match self.step(mask, &held[at..], is_end, out) {
                // The covered word has ended here.
                0 if covers && !self.covers => {}
                0 => break,
                n => at += n,
            }
        }
        held.drain(..at);
        self.held = held;
    }

    /// Decides about the beginning of what is held. Returns how many bytes that was, 0 if more must follow.
    fn step(&mut self, mask: &dyn Mask, rest: &str, is_end: bool, out: &mut String) -> usize {
        if self.covers {
            return self.cover_word(mask, rest, is_end);
        }
        let (mut window, mut is_closed) = (rest, is_end);
        if self.in_string.is_some() {
            match rest.find(['"', '\\']) {
                Some(0) => return self.json_mark(rest, is_end, out),
                Some(end) => (window, is_closed) = (&rest[..end], true),
                None => {}
            }
        }
        let is_full = window.len() >= self.most;
        if window.len() > self.most {
            (window, is_closed) = (prefix(window, self.most), false);
        }
        let before = self.before;
        let decided = match mask.step(MaskWindow { text: window, before, is_end: is_closed }) {
            MaskStep::Pass(bytes) => (bytes > 0).then(|| {
                let passed = prefix(window, bytes);
                out.push_str(passed);
                passed
            }),
            MaskStep::Cover(bytes, with) => (bytes > 0).then(|| {
                let covered = prefix(window, bytes);
                let is_number = covered.starts_with(|c: char| c.is_ascii_digit());
                // A JSON text stays one.
                out.push_str(if self.in_string == Some(false) && is_number {
                    "null"
                } else {
                    &with
                });
                covered
            }),
            MaskStep::Wait => None,
        };
        if let Some(decided) = decided {
            self.before = decided.chars().next_back();
            return decided.len();
        }
        if !is_full && !is_closed {
            return 0;
        }
        out.push_str(COVERED);
        self.covers = !is_closed;
        self.before = window.chars().next_back();
        window.len()
    }

    /// Covers the rest of a word, or of a number in groups. Returns how many bytes that are, 0 if more must follow.
    fn cover_word(&mut self, mask: &dyn Mask, rest: &str, is_end: bool) -> usize {
        if mask.takes_whole_texts() {
            return rest.len();
        }
        for (at, c) in rest.char_indices() {
            let next = rest[at + c.len_utf8()..].chars().next();
            let ends = match next {
                _ if self.in_string.is_some() && c == '"' => true,
                _ if !c.is_whitespace() => false,
                Some(next) => next.is_alphabetic() || next.is_whitespace(),
                None if is_end => true,
                None => return at,
            };
            if ends {
                self.covers = false;
                self.before = None;
                return at;
            }
        }
        rest.len()
    }

    /// Passes a quote, or an escape sequence as soon as it is there in full.
    fn json_mark(&mut self, rest: &str, is_end: bool, out: &mut String) -> usize {
        let length = if rest.starts_with('"') {
            self.in_string = self.in_string.map(|in_string| !in_string);
            1
        } else {
            match rest[1..].chars().next() {
                Some('u') => 6,
                Some(other) => 1 + other.len_utf8(),
                None => 2,
            }
        };
        if rest.len() < length && !is_end {
            return 0;
        }
        let mark = prefix(rest, length);
        out.push_str(mark);
        self.before = Some('"');
        mark.len()
    }
}
