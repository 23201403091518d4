use std::time::Duration;

use async_nats::jetstream::{
    consumer::{AckPolicy, Consumer, DeliverPolicy, pull},
    stream::Stream,
};
use futures_util::TryStreamExt;
use uuid::Uuid;

use super::WorkerConfig;
use crate::nats::Error;

/// Longer than any run, so that the server does not redeliver messages of open runs.
const ACK_WAIT: Duration = Duration::from_secs(7 * 86_400);

/// The consumers of a partition that a worker has created.
pub(super) struct OwnConsumers {
    /// The unique suffix of their names.
    suffix: String,
    /// The highest of their numbers. The server may not have created the last one.
    number: u64,
}

impl OwnConsumers {
    pub(super) fn new() -> Self {
        // The last digits of an id are random.
        Self { suffix: Uuid::now_v7().simple().to_string()[20..].to_owned(), number: 0 }
    }
}

/// Creates a consumer of a partition that starts after `done`, and deletes the previous one: the server would not
/// redeliver the previous consumer's unacknowledged messages in time.
///
/// The new consumer is created before the previous one is deleted, so that being killed in between loses nothing. Names
/// contain an increasing number: a worker that finds another's higher number has been replaced.
pub(super) async fn take_over(
    stream: &Stream,
    config: &WorkerConfig,
    partition: u32,
    own: &mut OwnConsumers,
    mut done: u64,
) -> Result<Consumer<pull::Config>, Error> {
    let name = &config.stream.name;
    let prefix = format!("{}_{partition}_", config.group);
    let names = stream.consumer_names().try_collect::<Vec<_>>().await;
    let mut old = names.map_err(|error| Error::request("list consumers of", name, error))?;
    old.retain(|name| name.starts_with(&prefix));
    let mut number = own.number;
    for consumer in &old {
        let (theirs, suffix) = consumer[prefix.len()..].split_once('_').unwrap_or_default();
        let theirs = theirs.parse().unwrap_or(0);
        if own.number > 0 && theirs > own.number && suffix != own.suffix {
            return Err(Error::taken_over(partition, &config.group));
        }
        number = number.max(theirs);
        let consumer = stream.get_consumer::<pull::Config>(consumer).await;
        let consumer =
            consumer.map_err(|error| Error::request("read a consumer of", name, error))?;
        let info = consumer.cached_info();
        let before = match info.config.deliver_policy {
            DeliverPolicy::ByStartSequence { start_sequence } => start_sequence.saturating_sub(1),
            _ => 0,
        };
        done = done.max(info.ack_floor.stream_sequence).max(before);
    }
    own.number = number + 1;
    let created = stream.create_consumer(pull::Config {
        durable_name: Some(format!("{prefix}{:010}_{}", own.number, own.suffix)),
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: done + 1 },
        ack_policy: AckPolicy::All,
        ack_wait: ACK_WAIT,
        max_deliver: -1,
        max_ack_pending: -1,
        filter_subject: config.stream.subjects(partition),
        ..pull::Config::default()
    });
    let created = created.await;
    let created = created.map_err(|error| Error::request("create a consumer of", name, error))?;
    for consumer in &old {
        // If this fails, the next worker deletes it.
        let _ = stream.delete_consumer(consumer).await;
    }
    Ok(created)
}
