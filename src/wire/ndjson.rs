use memchr::memchr;

use super::framed::{EVENT_LIMIT, Framed, clear};

/// A decoder that splits newline-delimited JSON into lines, such as Ollama's streamed answers.
///
/// A line that lies within one pushed slice borrows from it. Blank lines and a carriage return before the
/// line feed are skipped, and the last line may lack its line feed. Invalid UTF-8 is replaced by U+FFFD. A
/// line over the limit is skipped and counted.
///
/// ```
/// use tower_llm_callbacks::wire::NdjsonDecoder;
///
/// let mut decoder = NdjsonDecoder::new();
/// let mut seen = Vec::new();
/// for piece in ["{\"a\"", ":1}\r\n\n{}", "\n{\"b\":2}"] {
///     decoder.push(piece.as_bytes(), &mut |line| seen.push(line.to_owned()));
/// }
/// decoder.finish(&mut |line| seen.push(line.to_owned()));
/// assert_eq!(seen, ["{\"a\":1}", "{}", "{\"b\":2}"]);
/// ```
#[derive(Debug)]
pub struct NdjsonDecoder {
    limit: usize,
    /// The line that the last slice left unfinished.
    line: Vec<u8>,
    /// The current line exceeded the limit.
    skipping: bool,
    overflows: u64,
}

impl NdjsonDecoder {
    /// Creates a decoder for lines of up to 16 MiB.
    pub fn new() -> Self {
        Self::with_limit(EVENT_LIMIT)
    }

    /// Creates a decoder for lines of up to `max_line_bytes` bytes.
    pub fn with_limit(max_line_bytes: usize) -> Self {
        Self { limit: max_line_bytes, line: Vec::new(), skipping: false, overflows: 0 }
    }

    /// Decodes the next bytes and calls `each` with the lines that they complete.
    pub fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(&str)) {
        self.read(bytes, &mut |framed| only_lines(framed, each));
    }

    /// Ends the stream and calls `each` with a last line that lacks its line feed. The decoder can then
    /// decode another stream.
    pub fn finish(&mut self, each: &mut dyn FnMut(&str)) {
        self.end(&mut |framed| only_lines(framed, each));
    }

    /// Returns the number of lines skipped because they exceeded the limit.
    pub fn overflows(&self) -> u64 {
        self.overflows
    }

    fn read(&mut self, bytes: &[u8], each: &mut dyn FnMut(Framed<'_>)) {
        let mut rest = bytes;
        while let Some(end) = memchr(b'\n', rest) {
            let (head, tail) = (&rest[..end], &rest[end + 1..]);
            rest = tail;
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            if self.line.len().saturating_add(head.len()) > self.limit {
                self.overflow(each);
            } else if self.line.is_empty() {
                emit(head, true, each);
            } else {
                self.line.extend_from_slice(head);
                emit(&self.line, true, each);
            }
            clear(&mut self.line);
        }
        if rest.is_empty() || self.skipping {
            return;
        }
        if self.line.len().saturating_add(rest.len()) > self.limit {
            self.skipping = true;
            self.line = Vec::new();
            self.overflow(each);
        } else {
            self.line.extend_from_slice(rest);
        }
    }

    fn end(&mut self, each: &mut dyn FnMut(Framed<'_>)) {
        self.skipping = false;
        emit(&std::mem::take(&mut self.line), false, each);
    }

    fn overflow(&mut self, each: &mut dyn FnMut(Framed<'_>)) {
        self.overflows += 1;
        each(Framed::Lost);
    }
}

impl Default for NdjsonDecoder {
    fn default() -> Self {
        Self::new()
    }
}

fn emit(line: &[u8], complete: bool, each: &mut dyn FnMut(Framed<'_>)) {
    let line = line.trim_ascii();
    if !line.is_empty() {
        each(Framed::json(&String::from_utf8_lossy(line), complete));
    }
}

fn only_lines(framed: Framed<'_>, each: &mut dyn FnMut(&str)) {
    if let Framed::Event(line) = framed {
        each(line.data);
    }
}
