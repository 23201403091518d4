use serde_json::Value;

use super::{
    Mask,
    escapes::{self, Next, Unit, View},
    reading::{Decision, MOST, Reading},
    whole_text::{COVERED, is_json, whole_text},
};

const MOST_WHOLE: usize = 1 << 20;

/// A text behind a mask, which comes in pieces. What comes out does not depend on the pieces.
///
/// A text may be JSON, or a part of it. So the mask sees a text as it reads without escapes. What is covered is cut at whole
/// escapes, and all else stays as it is: the text reads as before, and a JSON text stays one.
#[derive(Debug)]
pub(super) struct MaskedText {
    held: String,
    before: Option<char>,
    /// Whether what follows is covered: up to the end of the word, or of the text if the mask takes whole texts.
    covers: bool,
    /// For JSON text: whether the place is inside a string. Its quotes stay.
    in_string: Option<bool>,
    /// The bytes of a whole text that may wait.
    most_whole: usize,
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
            most_whole: MOST_WHOLE,
        }
    }

    /// Returns how a whole text of another kind comes out.
    pub(super) fn whole(mask: &dyn Mask, text: &str) -> String {
        let mut masked = Self::new(mask, text.starts_with(['{', '[']) && is_json(text));
        masked.most_whole = usize::MAX;
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
        if mask.takes_whole_texts() {
            return self.whole_step(mask, rest, is_end, out);
        }
        let is_json = self.in_string.is_some();
        if is_json && rest.starts_with('"') {
            self.in_string = self.in_string.map(|in_string| !in_string);
            self.before = Some('"');
            out.push('"');
            return 1;
        }
        let view = View::of(rest, is_json, is_end, MOST);
        let reading = Reading { mask, rest, is_json, is_end };
        match reading.decide(&view, self.before) {
            Decision::Pass(bytes, before) => {
                self.before = before;
                out.push_str(&rest[..bytes]);
                bytes
            }
            Decision::Cover(bytes, with, before) => {
                self.before = before;
                self.cover(&rest[..bytes], &with, out);
                bytes
            }
            Decision::Wait if !view.is_full && !view.is_closed => 0,
            Decision::Wait => {
                out.push_str(COVERED);
                self.covers = !view.is_closed;
                self.before = view.text.chars().next_back();
                view.source(view.text.len())
            }
        }
    }

    /// Waits for the end of the text.
    fn whole_step(&mut self, mask: &dyn Mask, rest: &str, is_end: bool, out: &mut String) -> usize {
        if rest.len() <= self.most_whole && !is_end {
            return 0;
        }
        if rest.len() <= self.most_whole {
            out.push_str(&whole_text(mask, rest));
        } else {
            out.push_str(COVERED);
            self.covers = true;
        }
        rest.len()
    }

    /// Covers a part of a text. A JSON text stays one.
    fn cover(&self, covered: &str, with: &str, out: &mut String) {
        match self.in_string {
            Some(false) if covered.starts_with(|c: char| c.is_ascii_digit()) => {
                out.push_str("null");
            }
            Some(true) => {
                let literal = Value::from(with).to_string();
                out.push_str(&literal[1..literal.len() - 1]);
            }
            _ => out.push_str(with),
        }
    }

    /// Covers the rest of a word, or of a number in groups. Returns how many bytes that are, 0 if more must follow.
    fn cover_word(&mut self, mask: &dyn Mask, rest: &str, is_end: bool) -> usize {
        if mask.takes_whole_texts() {
            return rest.len();
        }
        let is_json = self.in_string.is_some();
        let mut at = 0;
        loop {
            let ends = match escapes::next(&rest[at..], is_json, is_end) {
                Next::End | Next::Incomplete => return at,
                // A quote ends a string of a JSON text, at any depth.
                Next::Quote | Next::Unit(Unit { c: '"', .. }) => true,
                Next::Unit(Unit { c, length, .. }) if c.is_whitespace() => {
                    match escapes::next(&rest[at + length..], is_json, is_end) {
                        Next::Unit(next) => next.c.is_alphabetic() || next.c.is_whitespace(),
                        Next::Quote => true,
                        Next::End if is_end => true,
                        Next::End | Next::Incomplete => return at,
                    }
                }
                Next::Unit(_) => false,
            };
            if ends {
                self.covers = false;
                self.before = None;
                return at;
            }
            if let Next::Unit(unit) = escapes::next(&rest[at..], is_json, is_end) {
                at += unit.length;
            }
        }
    }
}
