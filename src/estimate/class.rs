//! The classes of characters: a run of characters of one class is a word.

/// A class of characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub(super) enum Class {
    /// No character yet.
    #[default]
    None,
    Blank,
    LineFeed,
    /// Latin letters, with and without marks.
    Letter,
    Digit,
    /// The rest of ASCII.
    Sign,
    Greek,
    Cyrillic,
    Hebrew,
    Arabic,
    /// The scripts of India.
    Indic,
    /// Thai, Lao, Khmer, Burmese, Tibetan.
    Thai,
    Kana,
    Han,
    Hangul,
    /// Armenian and Georgian.
    Caucasian,
    Other,
}

use Class::*;

pub(super) const CLASSES: usize = Class::Other as usize + 1;

static ASCII: [Class; 128] = {
    let mut table = [Sign; 128];
    let mut byte = 0;
    while byte < 128 {
        table[byte as usize] = match byte {
            b'\n' | b'\r' => LineFeed,
            b' ' | b'\t' | 0x0B | 0x0C => Blank,
            b'0'..=b'9' => Digit,
            b'a'..=b'z' | b'A'..=b'Z' => Letter,
            _ => Sign,
        };
        byte += 1;
    }
    table
};

impl Class {
    pub(super) fn of_ascii(byte: u8) -> Self {
        ASCII[usize::from(byte & 127)]
    }

    /// Returns the class of a character beyond ASCII.
    pub(super) fn of_char(char: char) -> Self {
        match char as u32 {
            0x00C0..=0x024F | 0x1E00..=0x1EFF => Letter,
            0x0370..=0x03FF | 0x1F00..=0x1FFF => Greek,
            0x0400..=0x052F => Cyrillic,
            0x0530..=0x058F | 0x10A0..=0x10FF => Caucasian,
            0x0590..=0x05FF | 0xFB1D..=0xFB4F => Hebrew,
            0x0600..=0x06FF | 0x0750..=0x077F | 0xFB50..=0xFDFF | 0xFE70..=0xFEFC => Arabic,
            0x0900..=0x0DFF => Indic,
            0x0E00..=0x109F | 0x1780..=0x17FF => Thai,
            0x3040..=0x30FF => Kana,
            0x3400..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF => Han,
            0x1100..=0x11FF | 0xAC00..=0xD7FF => Hangul,
            _ => Other,
        }
    }
}
