use std::time::Duration;

use tower_llm_callbacks::{
    Callbacks,
    nats::{Publisher, PublisherConfig, StreamConfig},
};

/// Handlers with one that tells workers elsewhere: see the example `nats_worker`. A server that is not there now may
/// come later; until then events wait in a buffer.
pub(crate) fn publish(callbacks: Callbacks, url: Option<&str>) -> (Callbacks, Option<Publisher>) {
    let publisher = url.map(|url| Publisher::start(PublisherConfig::new(StreamConfig::new(url))));
    match &publisher {
        Some(told) => (callbacks.add(told.handler()), publisher),
        None => (callbacks, None),
    }
}

/// After the last event: what the server has not acknowledged in time is lost.
pub(crate) async fn flush(publisher: Option<Publisher>, deadline: Duration) {
    let Some(publisher) = publisher else { return };
    let waiting = publisher.flush(deadline).await;
    let lost = publisher.lost();
    if waiting + lost.total() > 0 {
        eprintln!("NATS: {waiting} events were not acknowledged in time; {lost}");
    }
}
