use std::{collections::VecDeque, error::Error as _, future::IntoFuture, sync::Arc};

use async_nats::jetstream::{
    self, Context, ErrorCode,
    context::{PublishAckFuture, PublishError, PublishErrorKind},
    message::PublishMessage,
    publish::PublishAck,
};
use futures_util::FutureExt;

use super::{
    outbox::Outbox,
    queued::{Outcome, QueuedEvent},
};
use crate::{
    nats::{Error, backoff::Backoff, link},
    sync::lock,
};

/// The number of events taken from the buffer at a time.
const CHUNK: usize = 64;

/// An event that was sent: its number, and the acknowledgement to come.
type InFlight = (u64, <PublishAckFuture as IntoFuture>::IntoFuture);

/// Publishes the events in the buffer until the task is aborted, over one connection after the other.
pub(super) async fn run(outbox: Arc<Outbox>, mut connection: Option<Context>) {
    let mut attempt = 0;
    let mut backoff = Backoff::new();
    loop {
        let before = lock(&outbox.buffer).stats.acknowledged;
        let error = match connection.take() {
            Some(context) => publish(&outbox, context).await,
            None => match open(&outbox, attempt).await {
                Ok(context) => publish(&outbox, context).await,
                Err(error) => error,
            },
        };
        let stats = lock(&outbox.buffer).stats();
        let (pause, first) = backoff.next(stats.acknowledged > before);
        if first {
            let source = error.source().map(tracing::field::display);
            tracing::warn!(waiting = stats.waiting, source, "publishing is interrupted: {error}");
        }
        tokio::time::sleep(pause).await;
        attempt += 1;
    }
}

/// Connects, and opens or creates the stream.
pub(super) async fn open(outbox: &Outbox, attempt: usize) -> Result<Context, Error> {
    let context = link::connect(&outbox.config.stream, attempt).await?;
    outbox.config.stream.open(&context).await?;
    Ok(context)
}

/// Publishes over one connection until it fails. Acknowledgements are awaited in order: if one is missing, everything
/// after it is sent again too.
async fn publish(outbox: &Outbox, context: Context) -> Error {
    {
        let mut buffer = lock(&outbox.buffer);
        buffer.rewind();
        buffer.stats.connections += 1;
    }
    let window = outbox.config.window;
    let stream = &*outbox.config.stream.name;
    let mut in_flight: VecDeque<InFlight> = VecDeque::new();
    let mut outgoing = VecDeque::new();
    let mut outcomes = Vec::new();
    loop {
        while in_flight.len() < window {
            if outgoing.is_empty() {
                outbox.take(CHUNK, &mut outgoing);
            }
            let Some((number, event)) = outgoing.pop_front() else { break };
            match send(outbox, &context, event).await {
                Ok(ack) => in_flight.push_back((number, ack.into_future())),
                Err(error) => match is_refusal(&error) {
                    // Settled after the events before it, to keep the order.
                    true => in_flight.push_back((number, Box::pin(async { Err(error) }))),
                    false => return Error::request("publish to", stream, error),
                },
            }
        }
        let more = outgoing.is_empty() && in_flight.len() < window;
        let Some((_, front)) = in_flight.front_mut() else {
            outbox.wake.notified().await;
            continue;
        };
        let first = tokio::select! {
            biased;
            result = front => result,
            () = outbox.wake.notified(), if more => continue,
        };
        let mut next = Some(first);
        let mut broken = None;
        while let Some(result) = next.take() {
            let Some((number, _)) = in_flight.pop_front() else { break };
            match outcome_of(result, stream) {
                Ok(outcome) => outcomes.push((number, outcome)),
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            }
            // More acknowledgements may have arrived at once.
            next = in_flight.front_mut().and_then(|(_, ack)| ack.now_or_never());
        }
        outbox.settle(&mut outcomes);
        if let Some(error) = broken {
            return error;
        }
    }
}

async fn send(
    outbox: &Outbox,
    context: &Context,
    event: QueuedEvent,
) -> Result<PublishAckFuture, PublishError> {
    let QueuedEvent { run_id, seq, kind, run_type, payload } = event;
    let subject = outbox.config.stream.subject(run_id, run_type.as_str(), kind.as_str());
    let id = format!("{run_id}:{seq}");
    context.send_publish(subject, PublishMessage::build().payload(payload).message_id(id)).await
}

fn outcome_of(result: Result<PublishAck, PublishError>, stream: &str) -> Result<Outcome, Error> {
    match result {
        Ok(ack) => Ok(Outcome::Acknowledged { duplicate: ack.duplicate }),
        Err(error) if is_refusal(&error) => Ok(Outcome::Refused),
        Err(error) => Err(Error::request("publish to", stream, error)),
    }
}

/// Returns whether the server refuses the event for good, so that sending it again is useless.
fn is_refusal(error: &PublishError) -> bool {
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
