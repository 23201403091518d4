use std::time::Duration;

use tower_llm_callbacks::{
    Callbacks,
    nats::{Publisher, PublisherConfig, StreamConfig},
};

/// Adds a handler that publishes events to workers in other processes: see the example `nats_worker`. While the server
/// is not reachable, events are buffered.
pub(crate) fn publish(callbacks: Callbacks, url: Option<&str>) -> (Callbacks, Option<Publisher>) {
    let publisher = url.map(|url| Publisher::start(PublisherConfig::new(StreamConfig::new(url))));
    let handler = publisher.as_ref().map(Publisher::handler);
    (handler.into_iter().fold(callbacks, Callbacks::add), publisher)
}

/// Waits until the server has acknowledged all events. Events that it does not acknowledge in time are lost.
pub(crate) async fn flush(publisher: Option<Publisher>, deadline: Duration) {
    let Some(publisher) = publisher else { return };
    let waiting = publisher.flush(deadline).await;
    let lost = publisher.lost();
    if waiting + lost.total() > 0 {
        eprintln!("NATS: {waiting} events were not acknowledged in time; {lost}");
    }
}
