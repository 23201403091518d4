use std::borrow::Cow;

use super::{Mask, MaskStep, MaskWindow, escapes::View};
use crate::event::prefix;

/// What becomes of the beginning of a text: so many bytes of it, as they are written, with the last character.
pub(super) enum Decision {
    Pass(usize, Option<char>),
    Cover(usize, Cow<'static, str>, Option<char>),
    Wait,
}

/// The bytes that a mask may wait for, as they read without escapes.
pub(super) const MOST: usize = 512;
/// The bytes that mostly suffice to decide about a word.
const FEW: usize = 48;

/// A text that a mask reads.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) mask: &'a dyn Mask,
    pub(super) rest: &'a str,
    pub(super) is_json: bool,
    pub(super) is_end: bool,
}

impl Reading<'_> {
    /// Decides about the beginning of the text, of which `view` is the view.
    ///
    /// Where a backslash may be none of an escape, as in `C:\new-key`, the text is read in both ways.
    pub(super) fn decide(&self, view: &View<'_>, before: Option<char>) -> Decision {
        match self.read(view, before) {
            Decision::Wait => Decision::Wait,
            Decision::Pass(bytes, last) => self
                .literally(view, bytes)
                .unwrap_or_else(|| Decision::Pass(view.source(bytes), last)),
            Decision::Cover(bytes, with, last) => {
                let end = view.source(bytes);
                match view.letters(bytes).next().filter(|(start, _)| *start == 0) {
                    None => Decision::Cover(end, with, last),
                    Some((_, letter)) => match self.from(letter) {
                        Decision::Cover(literal, ..) if letter + literal <= end => {
                            Decision::Cover(end, with, last)
                        }
                        Decision::Pass(..) => Decision::Cover(end, with, last),
                        longer => longer.after(letter),
                    },
                }
            }
        }
    }

    /// Decides about the backslashes among bytes of a view that pass: returns the decision if there is another.
    fn literally(&self, view: &View<'_>, bytes: usize) -> Option<Decision> {
        let end = view.source(bytes);
        let all = view.letters(bytes).map(|(start, letter)| (start, letter, self.from(letter)));
        for (start, letter, decision) in all {
            let decision = match decision {
                Decision::Pass(..) => continue,
                // What follows the escape may be covered without it.
                Decision::Cover(..) if end == view.end(start) => {
                    let rest = &self.rest[end..];
                    let next = View::of(rest, self.is_json, self.is_end, MOST);
                    match self.read(&next, view.before(end)) {
                        Decision::Cover(..) => continue,
                        Decision::Wait if !next.text.is_empty() || !next.is_closed => {
                            Decision::Wait
                        }
                        _ => decision.after(letter),
                    }
                }
                decision => decision.after(letter),
            };
            return Some(match start {
                0 => decision,
                // It is the next to be decided.
                _ => Decision::Pass(start, view.before(start)),
            });
        }
        None
    }

    /// Decides about what begins with a letter after a backslash.
    fn from(&self, letter: usize) -> Decision {
        let rest = &self.rest[letter..];
        let few = View::of(rest, self.is_json, self.is_end, FEW);
        let (decision, view) = match self.read(&few, Some('\\')) {
            Decision::Wait if few.is_full => {
                let view = View::of(rest, self.is_json, self.is_end, MOST);
                (self.read(&view, Some('\\')), view)
            }
            decision => (decision, few),
        };
        match decision {
            Decision::Cover(bytes, with, last) => Decision::Cover(view.source(bytes), with, last),
            other => other,
        }
    }

    /// Returns what the mask says of a view, in bytes of the view.
    fn read(&self, view: &View<'_>, before: Option<char>) -> Decision {
        if view.text.is_empty() {
            return Decision::Wait;
        }
        let window = MaskWindow { text: &view.text, before, is_end: view.is_closed };
        let (bytes, with) = match self.mask.step(window) {
            MaskStep::Pass(bytes) => (bytes, None),
            MaskStep::Cover(bytes, with) => (bytes, Some(with)),
            MaskStep::Wait => return Decision::Wait,
        };
        let decided = prefix(&view.text, bytes);
        let last = decided.chars().next_back();
        match with {
            _ if decided.is_empty() => Decision::Wait,
            None => Decision::Pass(decided.len(), last),
            Some(with) => Decision::Cover(decided.len(), with, last),
        }
    }
}

impl Decision {
    /// Returns this decision for a text that begins the given bytes earlier.
    fn after(self, bytes: usize) -> Self {
        match self {
            Self::Pass(more, last) => Self::Pass(bytes + more, last),
            Self::Cover(more, with, last) => Self::Cover(bytes + more, with, last),
            Self::Wait => Self::Wait,
        }
    }
}
