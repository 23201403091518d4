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
        self.length += text.len();
        for byte in text.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// Whether a text begins with this one.
    pub(in crate::wire) fn begins(&self, text: &str) -> bool {
        text.get(..self.length).is_some_and(|beginning| Self::of(beginning) == *self)
    }
}
