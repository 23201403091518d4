use super::class::{CLASSES, Class};

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
    weight(0, 0),     // None
    weight(0, 0),     // Blank
    weight(350, 0),   // LineFeed
    weight(0, 0),     // Letter
    weight(0, 0),     // Digit
    weight(830, 200), // Sign
    weight(600, 600), // Greek
    weight(450, 450), // Cyrillic
    weight(600, 600), // Semitic
    weight(450, 450), // Indic
    weight(450, 450), // Thai
    weight(700, 700), // Kana
    weight(800, 800), // Han
    weight(700, 700), // Hangul
    weight(700, 700), // Caucasian
    weight(900, 900), // Other
];

/// The run of characters that is being read. Its weight is known when it ends.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scanner {
    /// The characters of the run.
    length: u32,
    /// The lower-to-upper changes in a word.
    changes: u8,
    /// The letters with marks in a word.
    marks: u8,
    class: Class,
    lower: bool,
}

impl Scanner {
    /// Reads a text. Returns the weight of the runs that ended in it, in thousandths of a word.
    #[inline]
    pub(super) fn push(&mut self, text: &str) -> u64 {
        let bytes = text.as_bytes();
        let (mut sum, mut at) = (0, 0);
        while let Some(&byte) = bytes.get(at) {
            if byte < 128 {
                at += 1;
                let class = Class::of_ascii(byte);
                if class != self.class {
                    sum += u64::from(self.end(class));
                }
                self.length = self.length.saturating_add(1);
                if class == Class::Letter {
                    let lower = byte >= b'a';
                    self.changes = self.changes.saturating_add(u8::from(self.lower & !lower));
                    self.lower = lower;
                }
            } else {
                let Some(char) = text.get(at..).and_then(|rest| rest.chars().next()) else { break };
                at += char.len_utf8();
                let class = Class::of_char(char);
                if class != self.class {
                    sum += u64::from(self.end(class));
                }
                self.length = self.length.saturating_add(1);
                if class == Class::Letter {
                    self.marks = self.marks.saturating_add(1);
                    self.lower = true;
                }
            }
        }
        sum
    }

    /// Ends the run. Returns its weight.
    pub(super) fn finish(&mut self) -> u64 {
        u64::from(self.end(Class::None))
    }

    /// Returns the weight that the run would have if it ended here.
    #[inline]
    pub(super) fn pending(&self) -> u32 {
        let length = self.length;
        match self.class {
            Class::Letter => {
                let word = match length {
                    0..=4 => 980,
                    5..=8 => 1060,
                    _ => 1140_u32.saturating_add(20_u32.saturating_mul(length - 8)),
                };
                let changes = if length > 3 { u32::from(self.changes) } else { 0 };
                word.saturating_add(1100 * changes)
            }
            Class::Digit => length.div_ceil(3).saturating_mul(1600),
            Class::Blank => {
                if length > 1 {
                    900
                } else {
                    0
                }
            }
            class => {
                let Weight { first, further } = WEIGHTS[class as usize];
                first.saturating_add(further.saturating_mul(length.saturating_sub(1)))
            }
        }
    }

    #[inline]
    fn end(&mut self, next: Class) -> u32 {
        let weight = self.pending();
        *self = Self { class: next, ..Self::default() };
        weight
    }
}
