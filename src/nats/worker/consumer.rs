use std::time::Duration;

use async_nats::jetstream::{
    consumer::{AckPolicy, Consumer, DeliverPolicy, pull},
    stream::Stream,
};
use futures_util::TryStreamExt;
use uuid::Uuid;

use super::WorkerConfig;
use crate::nats::Error;

/// Longer than any run: a message is not to come again while its run is open.
const ACK_WAIT: Duration = Duration::from_secs(7 * 86_400);

/// The consumers of a partition that a worker has made.
pub(super) struct Own {
    /// What their names end with, and no other's.
    mark: String,
    /// The highest of their numbers; of the last one it is not known whether the server has made it.
    number: u64,
}

impl Own {
    pub(super) fn new() -> Self {
        // The end of an id is random.
        Self { mark: Uuid::now_v7().simple().to_string()[20..].to_owned(), number: 0 }
    }
}

/// Makes a consumer of a partition that begins after what is done, in the place of the one that is there: so nothing
/// waits for what the old one has given and nobody has acknowledged.
///
/// The new one is there before the old one goes, so that being killed in between loses nothing. Their names have a
/// number that rises: who finds another's that is higher than its own has been replaced.
pub(super) async fn take_over(
    stream: &Stream,
    config: &WorkerConfig,
    partition: u32,
    own: &mut Own,
    mut done: u64,
) -> Result<Consumer<pull::Config>, Error> {
    let failed = |error: String| Error::server("reading its consumers", error);
    let prefix = format!("{}_{partition}_", config.group);
    let names = stream.consumer_names().try_collect::<Vec<_>>().await;
    let mut old = names.map_err(|error| failed(error.to_string()))?;
    old.retain(|name| name.starts_with(&prefix));
    let mut number = own.number;
    for name in &old {
        let (theirs, mark) = name[prefix.len()..].split_once('_').unwrap_or_default();
        let theirs = theirs.parse().unwrap_or(0);
        if own.number > 0 && theirs > own.number && mark != own.mark {
            return Err(Error::TakenOver { partition });
        }
        number = number.max(theirs);
        let there = stream.get_consumer::<pull::Config>(name).await;
        let there = there.map_err(|error| failed(error.to_string()))?;
        let info = there.cached_info();
        let began = match info.config.deliver_policy {
            DeliverPolicy::ByStartSequence { start_sequence } => start_sequence.saturating_sub(1),
            _ => 0,
        };
        done = done.max(info.ack_floor.stream_sequence).max(began);
    }
    own.number = number + 1;
    let name = format!("{prefix}{:010}_{}", own.number, own.mark);
    let made = stream.create_consumer(pull::Config {
        durable_name: Some(name),
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: done + 1 },
        ack_policy: AckPolicy::All,
        ack_wait: ACK_WAIT,
        max_deliver: -1,
        max_ack_pending: -1,
        filter_subject: config.stream.subjects(partition),
        ..pull::Config::default()
    });
    let made = made.await.map_err(|error| Error::server("making a consumer", error))?;
    for name in &old {
        // Where it fails, it is left to the next one.
        let _ = stream.delete_consumer(name).await;
    }
    Ok(made)
}
