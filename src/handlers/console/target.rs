use std::{
    fmt,
    io::{self, IsTerminal, Write, stderr, stdout},
    sync::Mutex,
};

use anstream::{AutoStream, ColorChoice};

use crate::sync::lock;

/// The destination of a console handler.
///
/// Standard output and error are coloured if they are terminals with colours, unless `NO_COLOR` or a similar variable
/// forbids it. Write errors (a closed pipe, a full disk) are ignored: they affect neither the call nor the next line.
pub struct ConsoleTarget {
    target: Mutex<Target>,
    colours: bool,
    terminal: bool,
}

enum Target {
    Stdout,
    Stderr,
    Writer(Box<dyn Write + Send>),
}

impl ConsoleTarget {
    /// Returns the process's standard output.
    pub fn stdout() -> Self {
        let colours = AutoStream::choice(&stdout()) != ColorChoice::Never;
        Self { target: Mutex::new(Target::Stdout), colours, terminal: stdout().is_terminal() }
    }

    /// Returns the process's standard error.
    pub fn stderr() -> Self {
        let colours = AutoStream::choice(&stderr()) != ColorChoice::Never;
        Self { target: Mutex::new(Target::Stderr), colours, terminal: stderr().is_terminal() }
    }

    /// Wraps any writer, without colours.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        let target = Mutex::new(Target::Writer(Box::new(writer)));
        Self { target, colours: false, terminal: false }
    }

    /// Sets whether the output is coloured, instead of detecting it.
    #[must_use]
    pub fn colours(mut self, colours: bool) -> Self {
        self.colours = colours;
        self
    }

    pub(super) fn has_colours(&self) -> bool {
        self.colours
    }

    /// Returns whether the target is a terminal rather than a file or a pipe.
    pub(super) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Writes a text as a whole, so that texts of concurrent runs do not mix. Ignores errors.
    pub(super) fn write(&self, text: &str) {
        let _ = match &mut *lock(&self.target) {
            Target::Stdout => write(&mut stdout().lock(), text),
            Target::Stderr => write(&mut stderr().lock(), text),
            Target::Writer(writer) => write(writer, text),
        };
    }
}

fn write(writer: &mut impl Write, text: &str) -> io::Result<()> {
    writer.write_all(text.as_bytes())?;
    writer.flush()
}

impl fmt::Debug for ConsoleTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsoleTarget")
            .field("colours", &self.colours)
            .field("terminal", &self.terminal)
            .finish_non_exhaustive()
    }
}
