use std::io;

use serde::Serialize;

/// Returns a prefix of at most `bytes` bytes, cut at a character boundary.
pub(super) fn prefix(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or(0)]
}

/// Returns a prefix of a value's JSON, and whether it was cut. Serialisation stops there, since a prompt may have
/// megabytes.
pub(super) fn json(value: &impl Serialize, bytes: usize) -> (String, bool) {
    let mut written = BoundedBuffer { bytes: Vec::new(), limit: bytes };
    let is_cut = serde_json::to_writer(&mut written, value).is_err();
    let whole = match std::str::from_utf8(&written.bytes) {
        Ok(_) => written.bytes.len(),
        Err(error) => error.valid_up_to(),
    };
    written.bytes.truncate(whole);
    (String::from_utf8(written.bytes).unwrap_or_default(), is_cut)
}

struct BoundedBuffer {
    bytes: Vec<u8>,
    limit: usize,
}

impl io::Write for BoundedBuffer {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        let room = self.limit - self.bytes.len();
        if room == 0 && !more.is_empty() {
            return Err(io::ErrorKind::WriteZero.into());
        }
        let written = more.len().min(room);
        self.bytes.extend_from_slice(&more[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
