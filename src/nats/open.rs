use async_nats::jetstream::{
    Context,
    stream::{Config, DiscardPolicy, Info, Stream},
};

use super::{Discard, Error, StreamConfig, stream::MIN_DUPLICATE_WINDOW};

impl StreamConfig {
    /// Opens the stream, or creates it if it does not exist.
    pub(super) async fn open(&self, context: &Context) -> Result<Stream, Error> {
        let max_bytes = self.of.max_bytes;
        let config = Config {
            subjects: self.all_subjects(),
            max_bytes: max_bytes.map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
            max_messages_per_subject: -1,
            discard: match self.of.discard {
                Discard::Old => DiscardPolicy::Old,
                Discard::New => DiscardPolicy::New,
            },
            ..self.stream(self.of.duplicate_window)
        };
        let opened = context.get_or_create_stream(config).await;
        let stream = opened.map_err(|error| Error::request("open", &self.name, error))?;
        self.check(stream.cached_info())?;
        Ok(stream)
    }

    /// Checks an existing stream. Limits may differ, but the partitioning must match.
    fn check(&self, info: &Info) -> Result<(), Error> {
        let mut actual = info.config.subjects.clone();
        let mut expected = self.all_subjects();
        actual.sort();
        expected.sort();
        if actual != expected {
            let (actual, expected) = (actual.join(", "), expected.join(", "));
            let reason = format!("expected subjects {expected}, found {actual}");
            return Err(Error::stream_mismatch(&self.name, reason));
        }
        let (window, age) = (info.config.duplicate_window, info.config.max_age);
        if window < MIN_DUPLICATE_WINDOW && (age.is_zero() || age > window) {
            let reason = format!("expected a duplicate window of at least 2 min, found {window:?}");
            return Err(Error::stream_mismatch(&self.name, reason));
        }
        Ok(())
    }
}
