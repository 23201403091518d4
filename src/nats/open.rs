use async_nats::jetstream::{
    Context,
    stream::{Config, DiscardPolicy, Info, StorageType, Stream},
};

use super::{Discard, Error, Storage, StreamConfig, stream::LEAST_DUPLICATE_WINDOW};

impl StreamConfig {
    /// The stream, which is created where it is not there.
    pub(super) async fn open(&self, context: &Context) -> Result<Stream, Error> {
        let limit = |limit: Option<u64>| limit.map_or(-1, |n| i64::try_from(n).unwrap_or(i64::MAX));
        let config = Config {
            name: self.name.clone(),
            subjects: self.all_subjects(),
            max_bytes: limit(self.max_bytes),
            max_messages: -1,
            max_messages_per_subject: -1,
            max_age: self.max_age.unwrap_or_default(),
            discard: match self.discard {
                Discard::Old => DiscardPolicy::Old,
                Discard::New => DiscardPolicy::New,
            },
            storage: match self.storage {
                Storage::File => StorageType::File,
                Storage::Memory => StorageType::Memory,
            },
            num_replicas: self.replicas,
            // The server refuses a window that is longer than events are kept.
            duplicate_window: self
                .max_age
                .map_or(self.duplicate_window, |age| age.min(self.duplicate_window)),
            ..Config::default()
        };
        let opened = context.get_or_create_stream(config).await;
        let stream = opened.map_err(|error| Error::server("opening the stream", error))?;
        self.check(stream.cached_info())?;
        Ok(stream)
    }

    /// Its limits are whoever's who made it; but its partitions have to be the same everywhere.
    fn check(&self, info: &Info) -> Result<(), Error> {
        let (mut there, mut here) = (info.config.subjects.clone(), self.all_subjects());
        there.sort();
        here.sort();
        if there != here {
            let (there, here) = (there.join(", "), here.join(", "));
            let why = format!("its subjects are {there}, not {here}");
            return Err(Error::StreamMismatch(why));
        }
        let (window, age) = (info.config.duplicate_window, info.config.max_age);
        if window < LEAST_DUPLICATE_WINDOW && (age.is_zero() || age > window) {
            let why = format!("its duplicate window of {window:?} is under 2 minutes");
            return Err(Error::StreamMismatch(why));
        }
        Ok(())
    }
}
