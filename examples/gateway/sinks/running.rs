use std::time::Duration;

use tower::BoxError;
use tower_llm_callbacks::Callbacks;

use super::{Rotation, jsonl, otlp::Otlp};
use crate::config::SinkSettings;

/// A sink that was started, with the handlers that feed it.
pub(super) struct RunningSink {
    pub(super) settings: SinkSettings,
    pub(super) handlers: Callbacks,
    pub(super) file: Option<Rotation>,
    otlp: Option<Otlp>,
    #[cfg(feature = "nats")]
    nats: Option<tower_llm_callbacks::nats::Publisher>,
}

impl RunningSink {
    /// Starts a sink. A file that another sink writes to already is shared with it.
    pub(super) fn start(
        key: &str,
        settings: SinkSettings,
        file_of: impl FnOnce(&std::path::Path) -> Option<Rotation>,
    ) -> Result<Self, BoxError> {
        let (mut handlers, mut file) = (Callbacks::new(), None);
        if let Some(jsonl) = &settings.jsonl {
            file = match file_of(&jsonl.path) {
                Some(file) => {
                    // It may have been moved since.
                    file.reopen()?;
                    Some(file)
                }
                None => jsonl::open(&jsonl.path)?,
            };
            handlers = handlers.add(jsonl::handler(&settings, jsonl, file.as_ref()));
        }
        let otlp = settings.otlp.as_ref();
        let otlp = otlp.map(|otlp| Otlp::start(otlp, &format!("{key}.otlp"))).transpose()?;
        if let (Some(running), Some(otlp)) = (&otlp, &settings.otlp) {
            handlers = handlers.merge(running.handlers(&settings, otlp));
        }
        #[cfg(feature = "nats")]
        let nats = settings.nats.as_ref().map(|nats| super::nats::start(&nats.url));
        #[cfg(feature = "nats")]
        if let Some(publisher) = &nats {
            handlers = handlers.add(super::nats::handler(&settings, publisher));
        }
        Ok(Self {
            settings,
            handlers,
            file,
            otlp,
            #[cfg(feature = "nats")]
            nats,
        })
    }

    /// Returns whether events do not arrive where they are to.
    pub(super) fn is_failing(&self) -> bool {
        let is_suspended = self.handlers.stats().iter().any(|handler| handler.suspended);
        #[cfg(feature = "nats")]
        let is_suspended = is_suspended || self.nats.as_ref().is_some_and(super::nats::is_failing);
        is_suspended || self.otlp.as_ref().is_some_and(Otlp::is_failing)
    }

    /// Waits until what the handlers have got has arrived.
    pub(super) async fn close(&self, deadline: Duration) {
        if let Some(otlp) = &self.otlp {
            otlp.shut_down(deadline).await;
        }
        #[cfg(feature = "nats")]
        if let Some(publisher) = &self.nats {
            super::nats::flush(publisher, deadline).await;
        }
    }
}
