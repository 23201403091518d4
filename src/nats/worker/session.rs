use std::time::Duration;

use async_nats::{
    Client,
    jetstream::{self, Message, consumer::pull},
};
use futures_util::{FutureExt, StreamExt};

use super::{
    WorkerConfig,
    consumer::{self, Own},
};
use crate::nats::{Error, link};

/// How many messages are asked for at a time.
const BATCH: usize = 1000;
const HEARTBEAT: Duration = Duration::from_secs(5);
const EXPIRES: Duration = Duration::from_secs(30);

/// A partition's messages, over one connection.
pub(super) struct Session {
    /// When the stream was made: another one has other places.
    pub(super) created: i128,
    /// How much there was to read when it began.
    pub(super) pending: u64,
    client: Client,
    messages: pull::Stream,
    /// How many messages it was given.
    given: u64,
}

/// A message, and where it is.
pub(super) struct Read {
    pub(super) message: Message,
    pub(super) at: u64,
    /// How many there are after it.
    pub(super) pending: u64,
}

impl Session {
    /// Connects. What is done is asked for when the stream is known: of one that was made anew, nothing is.
    pub(super) async fn open(
        config: &WorkerConfig,
        partition: u32,
        attempt: usize,
        own: &mut Own,
        done: impl FnOnce(i128, u64) -> u64 + Send,
    ) -> Result<Self, Error> {
        let context = link::connect(&config.stream, attempt).await?;
        let client = context.client();
        let stream = config.stream.open(&context).await?;
        let info = stream.cached_info();
        let created = info.created.unix_timestamp_nanos();
        let done = done(created, info.state.last_sequence);
        let consumer = consumer::take_over(&stream, config, partition, own, done).await?;
        let pending = consumer.cached_info().num_pending;
        let messages = consumer.stream().max_messages_per_batch(BATCH);
        let messages = messages.heartbeat(HEARTBEAT).expires(EXPIRES).messages().await;
        let messages = messages.map_err(|error| Error::server("asking for messages", error))?;
        Ok(Self { created, pending, client, messages, given: 0 })
    }

    /// The next message.
    ///
    /// # Errors
    ///
    /// If the connection broke, or a message is missing: it came while the connection was breaking.
    pub(super) async fn next(&mut self) -> Result<Read, Error> {
        let next = self.messages.next().await;
        self.read(next)
    }

    /// The next, if it is there.
    pub(super) fn try_next(&mut self) -> Option<Result<Read, Error>> {
        let next = self.messages.next().now_or_never()?;
        Some(self.read(next))
    }

    fn read(&mut self, next: Option<Result<Message, pull::MessagesError>>) -> Result<Read, Error> {
        let message = next.ok_or(Error::Disconnected)?;
        let message = message.map_err(|error| Error::server("reading", error))?;
        let info = message.info().map_err(|error| Error::server("reading", error))?;
        let (at, number, pending) = (info.stream_sequence, info.consumer_sequence, info.pending);
        self.given += 1;
        if number != self.given {
            return Err(Error::Disconnected);
        }
        Ok(Read { message, at, pending })
    }

    /// Acknowledges, without waiting.
    pub(super) async fn acknowledge(&self, ack: async_nats::Subject) {
        // Should it not get there, the next one does.
        let _ = self.client.publish(ack, jetstream::AckKind::Ack.into()).await;
    }

    /// Acknowledges, and waits until the server has it.
    pub(super) async fn acknowledge_surely(&self, ack: async_nats::Subject) -> Result<(), Error> {
        let answer = self.client.request(ack, jetstream::AckKind::Ack.into()).await;
        answer.map(drop).map_err(|error| Error::server("acknowledging", error))
    }
}
