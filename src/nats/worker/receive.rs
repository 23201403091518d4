use super::{deliveries::Delivered, partition::Partition, session::Received, stats::count};
use crate::{event::EventRecord, relay::Relayed};

/// The handling of messages and of delivered records.
impl Partition {
    pub(super) fn receive(&mut self, Received { message, at, pending }: Received) {
        self.caught_up.received(pending);
        // Messages that were read on an earlier connection come again.
        if at > self.floor.last() {
            match EventRecord::from_json(&message.payload) {
                Ok(record) => {
                    let opened = record.kind().is_start() && self.floor.start(record.run_id, at);
                    if let Some(delivered) = self.deliveries.add(record, opened) {
                        self.delivered(&delivered);
                    }
                }
                Err(error) => {
                    count(&self.counters.invalid);
                    tracing::debug!(partition = self.number, at, "{error}");
                }
            }
        }
        if let Some(ack) = message.message.reply {
            self.floor.received(at, ack);
        }
    }

    pub(super) fn delivered(&mut self, delivered: &Delivered) {
        let counters = &self.counters;
        count(match delivered.relayed {
            Relayed::Delivered => &counters.delivered,
            Relayed::Duplicate => &counters.duplicates,
            Relayed::NoStart => &counters.without_start,
        });
        // A duplicate start belongs to a run that has ended.
        let ended_before = delivered.opened && delivered.relayed == Relayed::Duplicate;
        if delivered.kind.is_terminal() || ended_before {
            self.floor.end(delivered.run_id);
        }
    }

    pub(super) fn end_silent(&mut self) {
        let timeout = self.config.run_timeout;
        if !self.caught_up.can_detect_silence(timeout) {
            return;
        }
        for run_id in self.relay.end_silent(timeout) {
            count(&self.counters.timed_out);
            self.floor.end(run_id);
        }
    }

    /// Waits until every record that was read has been delivered.
    pub(super) async fn finish(&mut self) {
        while self.deliveries.waiting() > 0 {
            let delivered = self.deliveries.next().await;
            self.delivered(&delivered);
        }
    }
}
