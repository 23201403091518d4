use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use tower_llm_callbacks::{Callbacks, event::EventRecord, relay::Relay};

use super::Live;

/// Shows the runs of a file of events, as `--events` and `JsonLines` write it.
pub(crate) async fn replay(live: &Live, file: &Path) -> io::Result<()> {
    // Not in the background: here nothing is lost by waiting, and tokens would be.
    let relay = Relay::new(Callbacks::new().add(live.handler().pipelined()));
    for line in BufReader::new(File::open(file)?).lines() {
        match EventRecord::from_json(line?.as_bytes()) {
            Ok(record) => drop(relay.deliver(record).await),
            Err(error) => eprintln!("--replay: a line is passed over: {error}"),
        }
    }
    Ok(())
}
