use std::{io, path::Path, time::Duration};

use tower_llm_callbacks::{Registration, handlers::JsonLines};

use super::Rotation;
use crate::config::{JsonlSettings, SinkSettings};

/// How long the events of all calls gather before they are written. Starts and ends are written at once.
const LINGER: Duration = Duration::from_millis(10);

/// Registers a handler that writes records to a file, or to standard output if there is no file.
pub(super) fn handler(
    settings: &SinkSettings,
    jsonl: &JsonlSettings,
    file: Option<&Rotation>,
) -> Registration {
    let lines = match file {
        Some(file) => {
            file.set(jsonl.max_size.map(|it| it.0), jsonl.every.map(|it| it.0), jsonl.keep);
            JsonLines::new(file.clone())
        }
        None => JsonLines::stdout(),
    };
    let registration = match settings.gets_everything() {
        true => Registration::blocking(lines),
        false => Registration::blocking(settings.adapt(lines)),
    };
    // One write for the events of several milliseconds, instead of a wake-up of its thread for each.
    registration.linger(LINGER).name(format!("jsonl {}", jsonl.path.display()))
}

/// Opens the file of records. `-` is standard output.
pub(super) fn open(path: &Path) -> io::Result<Option<Rotation>> {
    if path == Path::new("-") {
        return Ok(None);
    }
    let named = |error| io::Error::other(format!("{}: {error}", path.display()));
    Rotation::open(path).map(Some).map_err(named)
}
