//! The hand-written baseline: events in order, acknowledged, and nothing else.

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

use crate::{ours::calls, server::TestStream};

/// Serialises and publishes events. Another task awaits the acknowledgements.
struct PlainPublisher {
    jetstream: async_nats::jetstream::Context,
    prefix: String,
    acks: mpsc::UnboundedSender<PublishAckFuture>,
}

impl AsyncCallbackHandler for PlainPublisher {
    async fn on_event(&self, run: &Run, event: &Event) {
        let payload = serde_json::to_vec(&event.record(run)).expect("serialisable");
        let (run_type, kind) = (run.run_type().as_str(), event.kind().as_str());
        let subject = format!("{}.0.{run_type}.{kind}", self.prefix);
        let message = PublishMessage::build().payload(payload.into());
        let message = message.message_id(format!("{}:{}", run.run_id(), event.seq()));
        let ack = self.jetstream.send_publish(subject, message).await.expect("published");
        self.acks.send(ack).expect("a task that awaits acknowledgements");
    }
}

pub(crate) async fn publish(stream: &TestStream, runs: usize, tokens: usize) {
    let client = stream.jetstream.client();
    let jetstream = ContextBuilder::new().max_ack_inflight(1024).build(client);
    let (acks, mut sent) = mpsc::unbounded_channel::<PublishAckFuture>();
    let acknowledged = tokio::spawn(async move {
        while let Some(ack) = sent.recv().await {
            ack.into_future().await.expect("stored");
        }
    });
    let publisher = PlainPublisher { jetstream, prefix: stream.name.clone(), acks };
    let callbacks =
        Callbacks::new().add(Registration::async_handler(publisher).background().capacity(4096));
    calls(&callbacks, runs, tokens).await;
    drop(callbacks);
    acknowledged.await.expect("no panic");
}

pub(crate) async fn read(stream: &TestStream, name: &str, events: usize) {
    let jetstream = stream.jetstream.get_stream(&stream.name).await.expect("the stream exists");
    let consumer = jetstream.create_consumer(pull::Config {
        durable_name: Some(name.to_owned()),
        ack_policy: AckPolicy::All,
        max_ack_pending: -1,
        filter_subject: format!("{}.0.>", stream.name),
        ..pull::Config::default()
    });
    let consumer = consumer.await.expect("a consumer");
    let messages = consumer.stream().max_messages_per_batch(1000).messages().await;
    let mut messages = messages.expect("a message stream");
    for number in 1..=events {
        let message = messages.next().await.expect("more messages").expect("a message");
        black_box(EventRecord::from_json(&message.payload).expect("a valid record"));
        if number % 1000 == 0 || number == events {
            message.ack().await.expect("acknowledged");
        }
    }
}
