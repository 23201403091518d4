/// The lengths, their checksum, and the checksum at the end of a frame.
pub(super) const PRELUDE: usize = 12;
pub(super) const CHECKSUM: usize = 4;
/// The most bytes of headers, as in AWS's SDK for Python.
const MAX_HEADERS: usize = 128 * 1024;

/// The lengths at the beginning of a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prelude {
    /// The length of the whole frame.
    pub(super) total: usize,
    pub(super) headers: usize,
}

impl Prelude {
    /// Reads the beginning of a frame; `None` if it is none.
    pub(super) fn read(bytes: &[u8; PRELUDE]) -> Option<Self> {
        let [total, headers, checksum] = [0, 4, 8].map(|at| u32_at(bytes, at).unwrap_or_default());
        let [total, headers] = [total, headers].map(|length| length as usize);
        // The lengths first: a search for a beginning computes few checksums.
        let fits = total.checked_sub(PRELUDE + CHECKSUM).is_some_and(|room| headers <= room);
        (fits && crc32fast::hash(&bytes[..8]) == checksum).then_some(Self { total, headers })
    }

    /// Whether a frame is longer than frames may be.
    pub(super) fn is_over(self, max_payload: usize) -> bool {
        let payload = self.total - self.headers - PRELUDE - CHECKSUM;
        self.headers > MAX_HEADERS || payload > max_payload
    }
}

/// Returns the number at a position, in big endian.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}
