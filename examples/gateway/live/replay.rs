use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use tower_llm_callbacks::{Callbacks, event::EventRecord, relay::Relay};

use super::LivePage;

/// Delivers the events of a file, written by `--events` or `JsonLines`, to the page.
pub(crate) async fn replay(page: &LivePage, file: &Path) -> io::Result<()> {
    // Pipelined, since reading a file can wait: a background handler would drop tokens.
    let relay = Relay::new(Callbacks::new().add(page.handler().pipelined()));
    for line in BufReader::new(File::open(file)?).lines() {
        match EventRecord::from_json(line?.as_bytes()) {
            Ok(record) => drop(relay.deliver(record).await),
            Err(error) => eprintln!("--replay: skipping an invalid line: {error}"),
        }
    }
    Ok(())
}
