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

/// Makes a consumer of a partition that begins after what is done, in the place of the one that is there: so nothing
/// waits for what the old one has given and nobody has acknowledged.
///
/// The new one is there before the old one goes, so that being killed in between loses nothing. Their names have a
/// number that rises: who finds a higher one than its own has been replaced.
pub(super) async fn take_over(
    stream: &Stream,
    config: &WorkerConfig,
    partition: u32,
    own: Option<&str>,
    mut done: u64,
) -> Result<Consumer<pull::Config>, Error> {
    let failed = |error| Error::server("reading its consumers", error);
    let prefix = format!("{}_{partition}_", config.group);
    let names: Vec<String> =
        stream.consumer_names().try_collect().await.map_err(|e| failed(e.to_string()))?;
    let mut old: Vec<_> = names.into_iter().filter(|name| name.starts_with(&prefix)).collect();
    old.sort();
    if own.is_some_and(|own| old.last().is_some_and(|last| last.as_str() > own)) {
        return Err(Error::TakenOver { partition });
    }
    let mut number = own.map_or(0, |own| number(own, &prefix));
    for name in &old {
        number = number.max(self::number(name, &prefix));
        let there = stream.get_consumer::<pull::Config>(name).await;
        let there = there.map_err(|error| failed(error.to_string()))?;
        let info = there.cached_info();
        let began = match info.config.deliver_policy {
            DeliverPolicy::ByStartSequence { start_sequence } => start_sequence.saturating_sub(1),
            _ => 0,
        };
        done = done.max(info.ack_floor.stream_sequence).max(began);
    }
    // The end of an id is random: two that do this at once do not become one.
    let id = Uuid::now_v7().simple().to_string();
    let name = format!("{prefix}{:010}_{}", number + 1, &id[24..]);
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

fn number(name: &str, prefix: &str) -> u64 {
    let rest = name.strip_prefix(prefix).unwrap_or_default();
    rest.split('_').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
