/// A text that is only compared, so that a long one uses no memory. FNV-1a.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::wire) struct Fingerprint {
    length: usize,
    hash: u64,
}

impl Default for Fingerprint {
    fn default() -> Self {
        Self { length: 0, hash: 0xcbf2_9ce4_8422_2325 }
    }
}

impl Fingerprint {
    pub(in crate::wire) fn of(text: &str) -> Self {
        let mut fingerprint = Self::default();
        fingerprint.add(text);
        fingerprint
    }

    /// Returns the length of the text in bytes.
    pub(in crate::wire) fn length(&self) -> usize {
        self.length
    }

    pub(in crate::wire) fn add(&mut self, text: &str) {
        text.bytes().for_each(|byte| self.add_byte(byte));
    }

    fn add_byte(&mut self, byte: u8) {
        self.length += 1;
        self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }

    /// Whether a text begins with this one.
    pub(in crate::wire) fn begins(&self, text: &str) -> bool {
        text.get(..self.length).is_some_and(|beginning| Self::of(beginning) == *self)
    }
}

/// A JSON text that is only compared, whatever white space it has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::wire) struct JsonFingerprint {
    text: Fingerprint,
    in_string: bool,
    escaped: bool,
}

impl JsonFingerprint {
    pub(in crate::wire) fn of(text: &str) -> Self {
        let mut fingerprint = Self::default();
        fingerprint.add(text);
        fingerprint
    }

    pub(in crate::wire) fn add(&mut self, text: &str) {
        for byte in text.bytes() {
            if !self.in_string && byte.is_ascii_whitespace() {
                continue;
            }
            self.in_string ^= byte == b'"' && !self.escaped;
            self.escaped = byte == b'\\' && !self.escaped;
            self.text.add_byte(byte);
        }
    }
}
