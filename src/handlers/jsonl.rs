use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Write},
    mem,
    panic::resume_unwind,
    path::{self, Path, PathBuf},
    sync::Mutex,
};

use crate::{event::Event, handler::CallbackHandler, run::Run, sync::lock};

/// A single huge prompt must not pin its memory.
const KEPT_CAPACITY: usize = 64 * 1024;

/// A handler that writes each event as one line of JSON: its [record](Event::record).
///
/// Add it as a blocking handler. A line is handed to the operating system whole before the handler is
/// done with the event: nothing is buffered that a crash could lose, lines of different runs never mix,
/// and several processes may append to one file. (It is not synced to the disk.)
///
/// A line that cannot be written, since the disk is full or the pipe is closed, is a
/// [`Fault`](crate::Fault) of the kind [`Panicked`](crate::FaultKind::Panicked) with the error as its
/// message: the handler writes no more of that run. The next run tries again. What was left of a torn
/// line stays on a line of its own, or an empty one if nobody knows whether anything was.
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
    /// None for what cannot be opened again.
    path: Option<PathBuf>,
    lines: Mutex<Lines>,
}

struct Lines {
    target: Target,
    /// The last line lacks its end.
    torn: bool,
    /// Kept from one event to the next.
    buffer: Vec<u8>,
}

enum Target {
    File(File),
    Stdout,
    Writer(Box<dyn Write + Send>),
}

impl JsonLines {
    /// Appends to a file, which is created if need be.
    ///
    /// Rotating it is left to others. They may copy the file and truncate it, or rename it and have
    /// [`reopen`](Self::reopen) called.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let path = path::absolute(path)?;
        let target = Target::File(append(&path)?);
        Ok(Self { path: Some(path), ..Self::to(name, target) })
    }

    /// Writes to the process's standard output.
    pub fn stdout() -> Self {
        Self::to("stdout".to_owned(), Target::Stdout)
    }

    /// Writes to anything else: one write and one flush an event.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self::to("writer".to_owned(), Target::Writer(Box::new(writer)))
    }

    fn to(name: String, target: Target) -> Self {
        let lines = Lines { target, torn: false, buffer: Vec::new() };
        Self { name, path: None, lines: Mutex::new(lines) }
    }

    /// Opens the file at the same path again, after it was renamed. Does nothing where it was not made
    /// by [`open`](Self::open).
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
    /// If the file cannot be opened; it goes on with the old one then.
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
    fn on_event(&self, run: &Run, event: &Event) {
        // The record is made without the lock, since making a prompt is code of others.
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
        if let Err(error) = outcome {
            // An unwinding that is no panic of the program: the hook, which prints, is not called.
            resume_unwind(Box::new(format!("{}: {error}", self.name)));
        }
    }
}

impl Lines {
    /// Writes a line that has a line feed at both ends; the first is there to end a torn one.
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let line = if self.torn { line } else { &line[1..] };
        let before = self.torn;
        // Also if the writer panics.
        self.torn = true;
        let (written, outcome) = match &mut self.target {
            Target::File(file) => write(file, line),
            Target::Stdout => write(&mut io::stdout().lock(), line),
            Target::Writer(writer) => write(writer, line),
        };
        self.torn = match (written.checked_sub(1), &outcome) {
            // Flushing failed: nobody knows how much of it there is.
            (_, Err(_)) if written == line.len() => true,
            (None, _) => before,
            (Some(last), _) => line[last] != b'\n',
        };
        outcome
    }
}

/// Writes all bytes, or tells how many of them were written.
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
