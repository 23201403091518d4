//! White space between tokens.

use super::{Axis, Random, axis};

axis! {
    Space {
        None,
        /// One space behind each colon and comma, as Python does it.
        Single,
        /// Over several lines.
        Pretty,
        /// Of any kind, at any place.
        Any,
    }
}

impl Space {
    /// The same without line ends.
    pub(super) fn on_one_line(self) -> Self {
        match self {
            Self::Pretty => Self::Single,
            other => other,
        }
    }

    pub(super) fn write(self, depth: usize, breaks: bool, random: &mut Random, out: &mut String) {
        match self {
            Self::None => {}
            Self::Single if out.ends_with([':', ',']) => out.push(' '),
            Self::Single => {}
            Self::Pretty if breaks => {
                out.push('\n');
                out.extend(std::iter::repeat_n("  ", depth));
            }
            Self::Pretty if out.ends_with(':') => out.push(' '),
            Self::Pretty => {}
            Self::Any => {
                for _ in 0..random.below(3) {
                    out.push(if random.one_in(3) { '\t' } else { ' ' });
                }
            }
        }
    }
}
