use super::{deliveries::Delivered, partition::Partition, session::Read, stats::count};
use crate::{event::EventRecord, relay::Relayed};

/// What becomes of what is read.
impl Partition {
    pub(super) fn read(&mut self, Read { message, at, pending }: Read) {
        self.caught_up.read(pending);
        // What was read on an earlier connection comes again.
        if at > self.floor.last() {
            match EventRecord::from_json(&message.payload) {
                Ok(record) => {
                    let opened = record.kind().is_start() && self.floor.start(record.run_id, at);
                    if let Some(told) = self.deliveries.add(record, opened) {
                        self.told(&told);
                    }
                }
                Err(error) => {
                    count(&self.counters.invalid);
                    tracing::debug!(partition = self.number, at, "{error}");
                }
            }
        }
        if let Some(ack) = message.message.reply {
            self.floor.read(at, ack);
        }
    }

    pub(super) fn told(&mut self, told: &Delivered) {
        let counters = &self.counters;
        count(match told.relayed {
            Relayed::Told => &counters.delivered,
            Relayed::Duplicate => &counters.duplicates,
            Relayed::NoStart => &counters.without_start,
        });
        // A start that was told before is of a run that has ended.
        let ended_before = told.opened && told.relayed == Relayed::Duplicate;
        if told.kind.is_terminal() || ended_before {
            self.floor.end(told.run_id);
        }
    }

    pub(super) fn end_silent(&mut self) {
        let timeout = self.config.run_timeout;
        if !self.caught_up.can_tell_silence(timeout) {
            return;
        }
        for run_id in self.relay.end_silent(timeout) {
            count(&self.counters.timed_out);
            self.floor.end(run_id);
        }
    }

    /// Waits until everything that was read is told.
    pub(super) async fn finish(&mut self) {
        while self.deliveries.waiting() > 0 {
            let told = self.deliveries.next().await;
            self.told(&told);
        }
    }
}
