use super::{
    class::{CLASSES, Class},
    foreign::{Foreign, mark},
};

/// The weight of a run of characters: `first` for its first character and `further` for each other one, in thousandths of
/// a word.
struct Weight {
    first: u32,
    further: u32,
}

const fn weight(first: u32, further: u32) -> Weight {
    Weight { first, further }
}

/// By class, in the order of the enum. Letters, digits and blanks have rules of their own.
static WEIGHTS: [Weight; CLASSES] = [
    weight(0, 0),      // None
    weight(0, 0),      // Blank
    weight(515, 0),    // LineFeed
    weight(0, 0),      // Letter
    weight(0, 0),      // Digit
    weight(880, 200),  // Sign
    weight(500, 370),  // Greek
    weight(290, 290),  // Cyrillic
    weight(1320, 170), // Hebrew
    weight(500, 290),  // Arabic
    weight(360, 360),  // Indic
    weight(600, 370),  // Thai
    weight(600, 550),  // Kana
    weight(700, 660),  // Han
    weight(800, 450),  // Hangul
    weight(350, 350),  // Caucasian
    weight(900, 900),  // Other
];

/// The weights of a word of letters: by its length (up to 4, up to 8, more), whether it follows a blank, and whether it begins
/// with a capital. A short word that follows no blank is often one token with the sign before it.
static WORDS: [[[u32; 2]; 2]; 3] =
    [[[530, 890], [960, 965]], [[915, 1155], [1065, 1175]], [[1115, 1170], [1140, 1225]]];
/// The weights of each letter beyond the eighth, of a lower-to-upper change, and of any other capital inside a word.
const LONG: u32 = 8;
const CHANGE: u32 = 1090;
const CAPITAL: u32 = 125;
/// The weights of up to three digits (without and with a blank before them, which is a token of its own), and of each
/// three more.
const DIGITS: [u32; 2] = [1315, 1865];
const MORE_DIGITS: u32 = 1150;
/// The weight of several blanks.
const BLANKS: u32 = 900;

/// A longer run counts as several.
const LONGEST: u16 = 60_000;

/// What the runs amount to that have ended.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ended {
    /// In thousandths of a word.
    pub(super) weight: u64,
    /// The digits beyond one for each three: where each digit is a token, there are so many more.
    pub(super) digits: u32,
}

/// The run of characters that is being read. Its weight is known when it ends.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scanner {
    foreign: Foreign,
    /// The characters of the run.
    length: u16,
    /// The lower-to-upper changes in a word.
    changes: u8,
    /// The other capitals in a word, but for the first letter.
    capitals: u8,
    /// The weight of the letters with marks in a word.
    marks: u8,
    class: Class,
    flags: u8,
}

/// The last letter was a small one.
const LOWER: u8 = 1;
/// The run follows a blank.
const AFTER_BLANK: u8 = 2;
/// The word begins with a capital.
const CAPITALISED: u8 = 4;

impl Scanner {
    /// Reads a text. Returns the runs that ended in it.
    #[inline]
    pub(super) fn push(&mut self, text: &str) -> Ended {
        let bytes = text.as_bytes();
        let (mut sum, mut at) = (Ended::default(), 0);
        while let Some(&byte) = bytes.get(at) {
            if byte < 128 {
                at += 1;
                let class = Class::of_ascii(byte);
                if class != self.class || self.length >= LONGEST {
                    self.end(class, &mut sum);
                }
                self.length += 1;
                if class == Class::Letter {
                    self.letter(byte >= b'a');
                }
            } else {
                let Some(char) = text.get(at..).and_then(|rest| rest.chars().next()) else { break };
                at += char.len_utf8();
                let class = Class::of_char(char);
                if class != self.class || self.length >= LONGEST {
                    self.end(class, &mut sum);
                }
                self.length += 1;
                if class == Class::Letter {
                    let mark = u8::try_from(mark(char)).unwrap_or(u8::MAX);
                    self.marks = self.marks.saturating_add(mark);
                    self.letter(true);
                }
            }
        }
        sum
    }

    #[inline]
    fn letter(&mut self, lower: bool) {
        if lower {
            self.flags |= LOWER;
        } else if self.length == 1 {
            self.flags |= CAPITALISED;
        } else if self.flags & LOWER != 0 {
            self.changes = self.changes.saturating_add(1);
            self.flags &= !LOWER;
        } else {
            self.capitals = self.capitals.saturating_add(1);
        }
    }

    /// Ends the run, and returns it.
    pub(super) fn finish(&mut self) -> Ended {
        let mut ended = Ended::default();
        self.end(Class::None, &mut ended);
        ended
    }

    /// Returns how far the words so far, with the present one, are from English.
    #[inline]
    pub(super) fn foreign(&self) -> Foreign {
        let mut foreign = self.foreign;
        if self.class == Class::Letter {
            foreign.word(self.length.into(), self.marks.into());
        }
        foreign
    }

    /// Adds the words of another scanner that has finished.
    pub(super) fn merge(&mut self, other: &Self) {
        self.foreign.merge(other.foreign());
    }

    /// Returns the weight that the run would have if it ended here.
    #[inline]
    pub(super) fn pending(&self) -> u32 {
        let length = u32::from(self.length);
        let after_blank = usize::from(self.flags & AFTER_BLANK != 0);
        match self.class {
            Class::Letter => {
                let size = usize::from(length > 4) + usize::from(length > 8);
                let capitalised = usize::from(self.flags & CAPITALISED != 0);
                let changes = if length > 3 { u32::from(self.changes) } else { 0 };
                WORDS[size][after_blank][capitalised]
                    + LONG * length.saturating_sub(8)
                    + CHANGE * changes
                    + CAPITAL * u32::from(self.capitals)
            }
            Class::Digit => DIGITS[after_blank] + MORE_DIGITS * (length.saturating_sub(1) / 3),
            Class::Blank => {
                if length > 1 {
                    BLANKS
                } else {
                    0
                }
            }
            class => {
                let Weight { first, further } = WEIGHTS[class as usize];
                first + further * length.saturating_sub(1)
            }
        }
    }

    /// Returns the digits beyond one for each three that the run would have if it ended here.
    #[inline]
    pub(super) fn pending_digits(&self) -> u32 {
        let length = if self.class == Class::Digit { u32::from(self.length) } else { 0 };
        length - length.div_ceil(3)
    }

    #[inline]
    fn end(&mut self, next: Class, sum: &mut Ended) {
        sum.weight += u64::from(self.pending());
        sum.digits = sum.digits.saturating_add(self.pending_digits());
        let flags = if self.class == Class::Blank { AFTER_BLANK } else { 0 };
        *self = Self { class: next, foreign: self.foreign(), flags, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::Scanner;

    #[test]
    fn a_scanner_is_small() {
        assert_eq!(size_of::<Scanner>(), 16);
    }
}
