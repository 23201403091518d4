use std::time::Duration;

use async_nats::{
    Client,
    jetstream::{self, Message, consumer::pull},
};
use futures_util::{FutureExt, StreamExt};

use super::{
    WorkerConfig,
    consumer::{self, OwnConsumers},
};
use crate::nats::{Error, link};

/// The number of messages requested at a time.
const BATCH: usize = 1000;
const HEARTBEAT: Duration = Duration::from_secs(5);
const EXPIRES: Duration = Duration::from_secs(30);

/// The messages of a partition over one connection.
pub(super) struct Session {
    /// The creation time of the stream. Positions of another stream are meaningless.
    pub(super) created: i128,
    /// The number of unread messages at the beginning.
    pub(super) pending: u64,
    stream: String,
    client: Client,
    messages: pull::Stream,
    /// The number of messages received.
    received: u64,
}

/// A message and its position in the stream.
pub(super) struct Received {
    pub(super) message: Message,
    pub(super) at: u64,
    /// The number of messages after it.
    pub(super) pending: u64,
}

impl Session {
    /// Connects. `done` returns the position to start after, given the stream's creation time and last position: for a
    /// recreated stream it is 0.
    pub(super) async fn open(
        config: &WorkerConfig,
        partition: u32,
        attempt: usize,
        own: &mut OwnConsumers,
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
        let name = config.stream.name.clone();
        let messages = messages.map_err(|error| Error::request("read from", &name, error))?;
        Ok(Self { created, pending, stream: name, client, messages, received: 0 })
    }

    /// Waits for the next message.
    ///
    /// # Errors
    ///
    /// Returns an error if the connection broke, or a message is missing because it came while the connection was
    /// breaking.
    pub(super) async fn next(&mut self) -> Result<Received, Error> {
        let next = self.messages.next().await;
        self.check(next)
    }

    /// Returns the next message if it has arrived.
    pub(super) fn try_next(&mut self) -> Option<Result<Received, Error>> {
        let next = self.messages.next().now_or_never()?;
        Some(self.check(next))
    }

    fn check(
        &mut self,
        next: Option<Result<Message, pull::MessagesError>>,
    ) -> Result<Received, Error> {
        let message = next.ok_or_else(Error::disconnected)?;
        let message = message.map_err(|error| Error::request("read from", &self.stream, error))?;
        let info = message.info();
        let info = info.map_err(|error| Error::request("read from", &self.stream, error))?;
        let (at, number, pending) = (info.stream_sequence, info.consumer_sequence, info.pending);
        self.received += 1;
        if number != self.received {
            return Err(Error::disconnected());
        }
        Ok(Received { message, at, pending })
    }

    /// Acknowledges without waiting for a confirmation.
    pub(super) async fn acknowledge(&self, ack: async_nats::Subject) {
        // If it is lost, the next one acknowledges the same messages.
        let _ = self.client.publish(ack, jetstream::AckKind::Ack.into()).await;
    }

    /// Acknowledges, and waits for the server's confirmation.
    pub(super) async fn acknowledge_confirmed(
        &self,
        ack: async_nats::Subject,
    ) -> Result<(), Error> {
        let response = self.client.request(ack, jetstream::AckKind::Ack.into()).await;
        response
            .map(drop)
            .map_err(|error| Error::request("acknowledge messages of", &self.stream, error))
    }
}
