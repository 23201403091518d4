use std::{
    fmt,
    fs::{File, Metadata, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    mem,
    path::{self, Path, PathBuf},
    sync::Mutex,
};

use crate::{
    handler::{BatchError, BatchEvent, CallbackHandler},
    sync::lock,
};

/// The capacity that the buffer keeps. More is released little by little: one huge prompt does not pin its memory, and many
/// do not take new memory from the system each time.
const KEPT_CAPACITY: usize = 64 * 1024;

/// Lines are written when there are so many bytes of them, so that a batch of prompts is not in memory twice.
const WRITTEN_AT: usize = 256 * 1024;

/// A handler that writes each event as one line of JSON: its [record](crate::Event::record).
///
/// Add it as a blocking handler. The handler passes lines to the operating system before it returns: a crash
/// loses no buffered lines, lines of different runs never mix, and several processes may append to one file. It
/// does not sync the file to the disk. Events that come together are [one write](CallbackHandler::on_events), of at most
/// some 256 KiB; with [`Registration::linger`](crate::Registration::linger), more of them come together.
///
/// If a line cannot be written (the disk is full, the pipe is closed), the handler is detached from that run and
/// reports a [`Fault`](crate::Fault) of kind [`Failed`](crate::FaultKind::Failed) with the error as its message. The next run tries again. A partly written line is terminated first, so that it does not corrupt the
/// next one, also one that another process has left in the file; this may leave an empty line.
///
/// ```
/// use tower_llm_callbacks::{Callbacks, handlers::JsonLines};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("events.jsonl");
/// let callbacks = Callbacks::new().blocking(JsonLines::open(path)?);
/// # assert_eq!(callbacks.len(), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct JsonLines {
    name: String,
    /// `None` if the target cannot be reopened.
    path: Option<PathBuf>,
    lines: Mutex<Lines>,
}

struct Lines {
    target: Target,
    /// Whether the last line may lack its line feed.
    torn: bool,
    /// Reused for the next event.
    buffer: Vec<u8>,
}

enum Target {
    File(File),
    Stdout,
    Writer(Box<dyn Write + Send>),
}

impl JsonLines {
    /// Creates a handler that appends to a file. The file is created if it does not exist.
    ///
    /// The handler does not rotate the file. A rotation tool may copy and truncate it, or rename it and then
    /// call [`reopen`](Self::reopen).
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let path = path::absolute(path)?;
        let file = append(&path)?;
        let torn = is_torn(&path, &file);
        let handler = Self::to(name, Target::File(file));
        lock(&handler.lines).torn = torn;
        Ok(Self { path: Some(path), ..handler })
    }

    /// Creates a handler that writes to the process's standard output.
    pub fn stdout() -> Self {
        Self::to("stdout".to_owned(), Target::Stdout)
    }

    /// Creates a handler that writes to any writer: one write and one flush for the events that come together.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self::to("writer".to_owned(), Target::Writer(Box::new(writer)))
    }

    fn to(name: String, target: Target) -> Self {
        let lines = Lines { target, torn: false, buffer: Vec::new() };
        Self { name, path: None, lines: Mutex::new(lines) }
    }

    /// Reopens the file at its path, after it was renamed. Does nothing if the handler was not created by
    /// [`open`](Self::open).
    ///
    /// ```
    /// use std::{fs, sync::Arc};
    /// use tower_llm_callbacks::{Callbacks, handlers::JsonLines};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events.jsonl");
    /// # let old = folder.path().join("events.1.jsonl");
    /// let lines = Arc::new(JsonLines::open(&path)?);
    /// let callbacks = Callbacks::new().blocking(Arc::clone(&lines));
    /// # assert_eq!(callbacks.len(), 1);
    ///
    /// fs::rename(&path, old)?;
    /// lines.reopen()?;
    /// assert!(path.exists());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be opened. The handler keeps the old file then.
    pub fn reopen(&self) -> io::Result<()> {
        if let Some(path) = &self.path {
            let file = append(path)?;
            let torn = is_torn(path, &file);
            let mut lines = lock(&self.lines);
            lines.target = Target::File(file);
            lines.torn = torn;
        }
        Ok(())
    }
}

impl CallbackHandler for JsonLines {
    fn on_events(&self, batch: &[BatchEvent<'_>]) -> Result<(), BatchError> {
        // Without the lock: serializing a prompt may call user code.
        let mut buffer = mem::take(&mut lock(&self.lines).buffer);
        let outcome = self.write(batch, &mut buffer);
        buffer.shrink_to(KEPT_CAPACITY.max(buffer.capacity() / 16 * 15));
        lock(&self.lines).buffer = buffer;
        outcome
    }
}

impl JsonLines {
    fn write(&self, batch: &[BatchEvent<'_>], buffer: &mut Vec<u8>) -> Result<(), BatchError> {
        let mut written = 0;
        buffer.clear();
        buffer.push(b'\n');
        for (nth, BatchEvent { run, event, .. }) in batch.iter().enumerate() {
            let serialized = event.record(run).write_json(buffer);
            if serialized.is_ok() {
                buffer.push(b'\n');
            }
            let is_last = nth + 1 == batch.len() || serialized.is_err();
            if buffer.len() > 1 && (is_last || buffer.len() >= WRITTEN_AT) {
                lock(&self.lines).write(buffer).map_err(|(lines, error)| match lines {
                    Some(lines) => BatchError::after(written + lines, self.named(&error)),
                    None => self.named(&error).into(),
                })?;
                buffer.truncate(1);
                written = nth + usize::from(serialized.is_ok());
            }
            serialized.map_err(|error| BatchError::after(nth, self.named(&error.into())))?;
        }
        Ok(())
    }

    fn named(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("{}: {error}", self.name))
    }
}

impl Lines {
    /// Writes lines, with a line feed before them and one after each. The first one terminates a torn line, or is
    /// skipped. Returns with an error how many lines were written, if that is known.
    fn write(&mut self, lines: &[u8]) -> Result<(), (Option<usize>, io::Error)> {
        let before = self.torn;
        let bytes = if before { lines } else { &lines[1..] };
        // Stays set if the writer panics.
        self.torn = true;
        let (written, outcome) = match &mut self.target {
            Target::File(file) => write(file, bytes),
            Target::Stdout => write(&mut io::stdout().lock(), bytes),
            Target::Writer(writer) => write(writer, bytes),
        };
        let written = &bytes[..written];
        // Flushing failed.
        let is_unknown = outcome.is_err() && written.len() == bytes.len();
        self.torn = is_unknown || written.last().map_or(before, |last| *last != b'\n');
        outcome.map_err(|error| {
            let ends = written.iter().filter(|byte| **byte == b'\n').count();
            let lines = ends.saturating_sub(usize::from(before));
            ((!is_unknown).then_some(lines), error)
        })
    }
}

/// Writes all bytes. Returns how many were written, also after an error.
fn write(writer: &mut dyn Write, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match writer.write(&bytes[written..]) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(more) => written = written.saturating_add(more).min(bytes.len()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, writer.flush())
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// Whether the last line of a file lacks its line feed: what wrote it may have stopped there. A pipe or a device has no last
/// line, and opening it to read it may wait for ever.
///
/// A file that may not be read may be torn: an empty line does less harm than two records in one.
fn is_torn(path: &Path, file: &File) -> bool {
    let is_empty = |of: Metadata| !of.is_file() || of.len() == 0;
    if file.metadata().is_ok_and(is_empty) || path.metadata().is_ok_and(|of| !of.is_file()) {
        return false;
    }
    let last = || {
        let mut file = File::open(path)?;
        let mut last = [b'\n'];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        io::Result::Ok(last)
    };
    last().map_or(true, |last| last != [b'\n'])
}

impl fmt::Debug for JsonLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JsonLines").field(&self.name).finish()
    }
}
