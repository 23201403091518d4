use std::{
    fmt,
    io::{self, IsTerminal, Write, stderr, stdout},
    sync::Mutex,
};

use anstream::{AutoStream, ColorChoice};

use crate::sync::lock;

/// Where a console handler writes.
///
/// Standard output and error are coloured where they are terminals that have colours, and `NO_COLOR` and
/// its like do not forbid it. What cannot be written, since the pipe is closed or the disk full, is passed over:
/// a call is never harmed, nor is the next line.
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
    /// The process's standard output.
    pub fn stdout() -> Self {
        let colours = AutoStream::choice(&stdout()) != ColorChoice::Never;
        Self { target: Mutex::new(Target::Stdout), colours, terminal: stdout().is_terminal() }
    }

    /// The process's standard error.
    pub fn stderr() -> Self {
        let colours = AutoStream::choice(&stderr()) != ColorChoice::Never;
        Self { target: Mutex::new(Target::Stderr), colours, terminal: stderr().is_terminal() }
    }

    /// Anything else, without colours.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        let target = Mutex::new(Target::Writer(Box::new(writer)));
        Self { target, colours: false, terminal: false }
    }

    /// Sets whether it is coloured, whatever it is.
    #[must_use]
    pub fn colours(mut self, colours: bool) -> Self {
        self.colours = colours;
        self
    }

    pub(super) fn has_colours(&self) -> bool {
        self.colours
    }

    /// Whether somebody looks at it, rather than a program.
    pub(super) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Writes a text whole, so that those of several handlers do not mix, as far as it can be written.
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
