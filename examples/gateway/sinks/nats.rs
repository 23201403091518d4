use std::time::Duration;

use tower_llm_callbacks::{
    Registration,
    nats::{Publisher, PublisherConfig, StreamConfig},
};

use crate::config::SinkSettings;

/// Starts to publish events to workers in other processes: see the example `nats_worker`. While the server is not
/// reachable, events are buffered. Must be called in a runtime.
pub(super) fn start(url: &str) -> Publisher {
    Publisher::start(PublisherConfig::new(StreamConfig::new(url)))
}

pub(super) fn handler(settings: &SinkSettings, publisher: &Publisher) -> Registration {
    match settings.gets_everything() {
        true => publisher.handler(),
        false => Registration::async_handler(settings.adapt(publisher.clone()))
            .background()
            .capacity(4096)
            .name("nats"),
    }
}

/// Returns whether the server has never been reached.
pub(super) fn is_failing(publisher: &Publisher) -> bool {
    publisher.stats().connections == 0
}

/// Waits until the server has acknowledged all events. Events that it does not acknowledge in time are lost.
pub(super) async fn flush(publisher: &Publisher, deadline: Duration) {
    let waiting = publisher.flush(deadline).await;
    let lost = publisher.lost();
    if waiting + lost.total() > 0 {
        eprintln!("NATS: {waiting} events were not acknowledged in time; {lost}");
    }
}
