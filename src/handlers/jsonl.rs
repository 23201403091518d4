use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Write},
    mem,
    path::{self, Path, PathBuf},
    sync::Mutex,
};

use tower::BoxError;

use crate::{event::Event, handler::CallbackHandler, run::Run, sync::lock};

/// Capacity beyond this is released, so that one huge prompt does not pin its memory.
const KEPT_CAPACITY: usize = 64 * 1024;

/// A handler that writes each event as one line of JSON: its [record](Event::record).
///
/// Add it as a blocking handler. The handler passes each line to the operating system before it returns: a crash
/// loses no buffered lines, lines of different runs never mix, and several processes may append to one file. It
/// does not sync the file to the disk.
///
/// If a line cannot be written (the disk is full, the pipe is closed), the handler is detached from that run and
/// reports a [`Fault`](crate::Fault) of kind [`Failed`](crate::FaultKind::Failed) with the error as its message. The next run tries again. A partly written line is terminated first, so that it does not corrupt the
/// next one; this may leave an empty line.
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
        let target = Target::File(append(&path)?);
        Ok(Self { path: Some(path), ..Self::to(name, target) })
    }

    /// Creates a handler that writes to the process's standard output.
    pub fn stdout() -> Self {
        Self::to("stdout".to_owned(), Target::Stdout)
    }

    /// Creates a handler that writes to any writer: one write and one flush for each event.
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
            let target = Target::File(append(path)?);
            let mut lines = lock(&self.lines);
            lines.target = target;
            lines.torn = false;
        }
        Ok(())
    }
}

impl CallbackHandler for JsonLines {
    fn try_on_event(&self, run: &Run, event: &Event) -> Result<(), BoxError> {
        // Without the lock: serializing a prompt may call user code.
        let mut buffer = mem::take(&mut lock(&self.lines).buffer);
        buffer.clear();
        buffer.push(b'\n');
        let outcome = serde_json::to_writer(&mut buffer, &event.record(run))
            .map_err(io::Error::from)
            .and_then(|()| {
                buffer.push(b'\n');
                lock(&self.lines).write(&buffer)
            });
        buffer.shrink_to(KEPT_CAPACITY);
        lock(&self.lines).buffer = buffer;
        outcome
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", self.name)).into())
    }
}

impl Lines {
    /// Writes a line with a line feed at both ends. The first one terminates a torn line, or is skipped.
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let line = if self.torn { line } else { &line[1..] };
        let before = self.torn;
        // Stays set if the writer panics.
        self.torn = true;
        let (written, outcome) = match &mut self.target {
            Target::File(file) => write(file, line),
            Target::Stdout => write(&mut io::stdout().lock(), line),
            Target::Writer(writer) => write(writer, line),
        };
        self.torn = match (written.checked_sub(1), &outcome) {
            // Flushing failed: it is unknown how much was written.
            (_, Err(_)) if written == line.len() => true,
            (None, _) => before,
            (Some(last), _) => line[last] != b'\n',
        };
        outcome
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

impl fmt::Debug for JsonLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JsonLines").field(&self.name).finish()
    }
}
