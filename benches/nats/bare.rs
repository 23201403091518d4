//! What one would write by hand: events in order, acknowledged, and no more.

use std::{future::IntoFuture, hint::black_box};

use async_nats::jetstream::{
    consumer::{AckPolicy, pull},
    context::{ContextBuilder, PublishAckFuture},
    message::PublishMessage,
};
use futures::StreamExt;
use tokio::sync::mpsc;
use tower_llm_callbacks::{
    AsyncCallbackHandler, Callbacks, Event, Registration, Run, event::EventRecord,
};

use crate::{ours::calls, server::Stream};

/// Serialises, publishes, and has another task await what is acknowledged.
struct Bare {
    jetstream: async_nats::jetstream::Context,
    prefix: String,
    acks: mpsc::UnboundedSender<PublishAckFuture>,
}

impl AsyncCallbackHandler for Bare {
    async fn on_event(&self, run: &Run, event: &Event) {
        let payload = serde_json::to_vec(&event.record(run)).expect("it is JSON");
        let (run_type, kind) = (run.run_type().as_str(), event.kind().as_str());
        let subject = format!("{}.0.{run_type}.{kind}", self.prefix);
        let message = PublishMessage::build().payload(payload.into());
        let message = message.message_id(format!("{}:{}", run.run_id(), event.seq()));
        let ack = self.jetstream.send_publish(subject, message).await.expect("it is sent");
        self.acks.send(ack).expect("somebody waits");
    }
}

pub(crate) async fn publish(stream: &Stream, runs: usize, tokens: usize) {
    let client = stream.jetstream.client();
    let jetstream = ContextBuilder::new().max_ack_inflight(1024).build(client);
    let (acks, mut sent) = mpsc::unbounded_channel::<PublishAckFuture>();
    let waits = tokio::spawn(async move {
        while let Some(ack) = sent.recv().await {
            ack.into_future().await.expect("it is stored");
        }
    });
    let bare = Bare { jetstream, prefix: stream.name.clone(), acks };
    let callbacks =
        Callbacks::new().add(Registration::async_handler(bare).background().capacity(4096));
    calls(&callbacks, runs, tokens).await;
    drop(callbacks);
    waits.await.expect("all are stored");
}

pub(crate) async fn read(stream: &Stream, name: &str, events: usize) {
    let there = stream.jetstream.get_stream(&stream.name).await.expect("it is there");
    let consumer = there.create_consumer(pull::Config {
        durable_name: Some(name.to_owned()),
        ack_policy: AckPolicy::All,
        max_ack_pending: -1,
        filter_subject: format!("{}.0.>", stream.name),
        ..pull::Config::default()
    });
    let consumer = consumer.await.expect("it is made");
    let messages = consumer.stream().max_messages_per_batch(1000).messages().await;
    let mut messages = messages.expect("it is there");
    for number in 1..=events {
        let message = messages.next().await.expect("there is more").expect("it is read");
        black_box(EventRecord::from_json(&message.payload).expect("it is a record"));
        if number % 1000 == 0 || number == events {
            message.ack().await.expect("it is sent");
        }
    }
}
