use std::{
    fs::File,
    io::{self, BufRead, BufReader, Seek, SeekFrom},
    path::Path,
    time::Duration,
};

use tower_llm_callbacks::{Callbacks, event::EventRecord, relay::Relay};

use super::LivePage;
use crate::config::Settings;

/// The most that is read of a file's end: more than the page keeps runs of.
const HISTORY: u64 = 64 << 20;

/// Loads into the page what the settings have for it: the file that this process will append to, and that of `--replay`.
pub(crate) async fn history_of(page: &LivePage, settings: &Settings) -> Result<(), String> {
    // One file has all runs. The others would have them again.
    let file = settings.all_sinks().find_map(|(key, sink)| Some((key, sink.jsonl?.path)));
    if let Some((key, file)) = file {
        let read = history(page, &file).await;
        read.map_err(|error| format!("{key} {}: {error}", file.display()))?;
    }
    if let Some(file) = &settings.replay {
        let replayed = replay(page, file).await;
        replayed.map_err(|error| format!("--replay {}: {error}", file.display()))?;
    }
    Ok(())
}

/// Delivers the events of a file, written by `--events` or `JsonLines`, to the page.
async fn replay(page: &LivePage, file: &Path) -> io::Result<()> {
    deliver(page, BufReader::new(File::open(file)?), "--replay").await
}

/// Delivers the last events of the file that this process will append to, so that the page has the runs of the process
/// before. What is not a file, such as a pipe, has no history.
async fn history(page: &LivePage, file: &Path) -> io::Result<()> {
    if !file.is_file() {
        return Ok(());
    }
    let mut file = File::open(file)?;
    let skipped = file.metadata()?.len().saturating_sub(HISTORY);
    file.seek(SeekFrom::Start(skipped))?;
    let mut lines = BufReader::new(file);
    if skipped > 0 {
        // The rest of a line.
        lines.skip_until(b'\n')?;
    }
    deliver(page, lines, "--events").await
}

async fn deliver(page: &LivePage, events: impl BufRead, option: &str) -> io::Result<()> {
    // Pipelined, since reading a file can wait: a background handler would drop tokens.
    let callbacks = Callbacks::new().add(page.handler().pipelined());
    let relay = Relay::new(callbacks.clone());
    let mut invalid = 0;
    for line in events.split(b'\n') {
        let line = line?;
        match EventRecord::from_json(&line) {
            Ok(record) => drop(relay.deliver(record).await),
            Err(_) if line.trim_ascii().is_empty() => {}
            Err(error) => {
                invalid += 1;
                if invalid <= 3 {
                    eprintln!("{option}: skipping an invalid line: {error}");
                }
            }
        }
    }
    if invalid > 3 {
        eprintln!("{option}: {invalid} invalid lines were skipped");
    }
    // Their process has ended without an end of them.
    relay.end_silent(Duration::ZERO);
    let _ = callbacks.flush(Duration::from_secs(10)).await;
    Ok(())
}
