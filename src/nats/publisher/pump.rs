use std::{collections::VecDeque, error::Error as _, future::IntoFuture, sync::Arc};

use async_nats::jetstream::{
    self, Context, ErrorCode,
    context::{PublishAckFuture, PublishError, PublishErrorKind},
    message::PublishMessage,
    publish::PublishAck,
};
use futures_util::FutureExt;

use super::{
    item::{Item, Settled},
    publisher::Shared,
};
use crate::{
    nats::{Error, link, pause::Pause},
    sync::lock,
};

/// How many events are taken from the buffer at a time.
const CHUNK: usize = 64;

type Flight = (u64, <PublishAckFuture as IntoFuture>::IntoFuture);

/// Publishes what is in the buffer, for ever, over one connection after the other.
pub(super) async fn run(shared: Arc<Shared>, mut connected: Option<Context>) {
    let mut attempt = 0;
    let mut pauses = Pause::new();
    loop {
        let before = lock(&shared.buffer).stats.acknowledged;
        let error = match connected.take() {
            Some(context) => publish(&shared, context).await,
            None => match open(&shared, attempt).await {
                Ok(context) => publish(&shared, context).await,
                Err(error) => error,
            },
        };
        let stats = lock(&shared.buffer).stats();
        let (pause, first) = pauses.after(stats.acknowledged > before);
        if first {
            tracing::warn!(waiting = stats.waiting, "publishing is interrupted: {error}");
        }
        tokio::time::sleep(pause).await;
        attempt += 1;
    }
}

/// Connects, and sees to it that the stream is there.
pub(super) async fn open(shared: &Shared, attempt: usize) -> Result<Context, Error> {
    let context = link::connect(&shared.config.stream, attempt).await?;
    shared.config.stream.open(&context).await?;
    Ok(context)
}

/// Publishes over one connection, until something is wrong with it. Acknowledgements are awaited in order: what
/// comes after one that is missing is sent again with it.
async fn publish(shared: &Shared, context: Context) -> Error {
    {
        let mut buffer = lock(&shared.buffer);
        buffer.rewind();
        buffer.stats.connections += 1;
    }
    let window = shared.config.window;
    let mut flights: VecDeque<Flight> = VecDeque::new();
    let mut outgoing = VecDeque::new();
    let mut settled = Vec::new();
    loop {
        while flights.len() < window {
            if outgoing.is_empty() {
                shared.take(CHUNK, &mut outgoing);
            }
            let Some((number, item)) = outgoing.pop_front() else { break };
            match send(shared, &context, item).await {
                Ok(flight) => flights.push_back((number, flight.into_future())),
                Err(error) => match refusal(&error) {
                    // Those before it are settled first, so that they are in order.
                    true => flights.push_back((number, Box::pin(async { Err(error) }))),
                    false => return Error::server("publishing", error),
                },
            }
        }
        let more = outgoing.is_empty() && flights.len() < window;
        let Some((_, front)) = flights.front_mut() else {
            shared.wake.notified().await;
            continue;
        };
        let first = tokio::select! {
            biased;
            outcome = front => outcome,
            () = shared.wake.notified(), if more => continue,
        };
        let mut outcome = Some(first);
        let mut broken = None;
        while let Some(result) = outcome.take() {
            let Some((number, _)) = flights.pop_front() else { break };
            match settle(result) {
                Ok(settlement) => settled.push((number, settlement)),
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            }
            // Others may have come with it.
            outcome = flights.front_mut().and_then(|(_, next)| next.now_or_never());
        }
        shared.settle(&mut settled);
        if let Some(error) = broken {
            return error;
        }
    }
}

async fn send(
    shared: &Shared,
    context: &Context,
    item: Item,
) -> Result<PublishAckFuture, PublishError> {
    let Item { run_id, seq, kind, run_type, payload } = item;
    let subject = shared.config.stream.subject(run_id, run_type.as_str(), kind.as_str());
    let id = format!("{run_id}:{seq}");
    context.send_publish(subject, PublishMessage::build().payload(payload).message_id(id)).await
}

fn settle(outcome: Result<PublishAck, PublishError>) -> Result<Settled, Error> {
    match outcome {
        Ok(ack) => Ok(Settled::Acknowledged { duplicate: ack.duplicate }),
        Err(error) if refusal(&error) => Ok(Settled::Refused),
        Err(error) => Err(Error::server("acknowledging", error)),
    }
}

/// Whether the server will not have the event, however often it is sent.
fn refusal(error: &PublishError) -> bool {
    const FULL: [ErrorCode; 5] = [
        ErrorCode::STREAM_STORE_FAILED,
        ErrorCode::ACCOUNT_RESOURCES_EXCEEDED,
        ErrorCode::STORAGE_RESOURCES_EXCEEDED,
        ErrorCode::MEMORY_RESOURCES_EXCEEDED,
        ErrorCode::INSUFFICIENT_RESOURCES,
    ];
    if error.kind() == PublishErrorKind::MaxPayloadExceeded {
        return true;
    }
    let answer = error.source().and_then(|source| source.downcast_ref::<jetstream::Error>());
    answer.is_some_and(|answer| {
        (400..500).contains(&answer.code()) || FULL.contains(&answer.error_code())
    })
}
