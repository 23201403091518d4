//! How characters of a text are written.

use std::fmt::Write;

use super::{super::splits::half, Axis, Random, axis};

axis! {
    Escapes {
        /// Only what JSON cannot hold raw.
        Needed,
        /// All but ASCII, as Python does it.
        NotAscii,
        /// Every character, also of keys.
        All,
        /// Every third character, in mixed case.
        Some,
    }
}

impl Escapes {
    pub(super) fn write(self, text: &str, random: &mut Random, out: &mut String) {
        out.push('"');
        for char in text.chars() {
            let escape = match self {
                Self::Needed => false,
                Self::NotAscii => !char.is_ascii(),
                Self::All => true,
                Self::Some => random.one_in(3),
            };
            if let Some(unit) = half(char) {
                write!(out, "\\u{unit:04x}").expect("a string takes all");
                continue;
            }
            match char {
                _ if escape && !matches!(char, '"' | '\\' | '\n') => {
                    unicode(char, self == Self::Some && random.one_in(2), out);
                }
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '/' if self != Self::Needed => out.push_str("\\/"),
                '\u{0}'..='\u{1F}' => unicode(char, false, out),
                char => out.push(char),
            }
        }
        out.push('"');
    }

    pub(super) fn write_key(self, key: &str, out: &mut String) {
        match self {
            Self::All => {
                out.push('"');
                key.chars().for_each(|char| unicode(char, true, out));
                out.push('"');
            }
            _ => {
                out.push('"');
                out.push_str(key);
                out.push('"');
            }
        }
    }
}

/// Writes a character as `\u` escapes: two of them beyond the basic plane.
fn unicode(char: char, upper: bool, out: &mut String) {
    for unit in char.encode_utf16(&mut [0; 2]) {
        let written = match upper {
            true => write!(out, "\\u{unit:04X}"),
            false => write!(out, "\\u{unit:04x}"),
        };
        written.expect("a string takes all");
    }
}
