use std::{sync::Arc, time::Duration};

use tokio::sync::OnceCell;
use tower_llm_callbacks::Callbacks;

use super::{Destination, Rotation, SinkStatus, jsonl, otlp::Otlp};
use crate::config::{Problem, SinkSettings, key_of};

/// A sink that was started, with the handlers that feed it.
pub(crate) struct RunningSink {
    pub(super) settings: SinkSettings,
    pub(super) handlers: Callbacks,
    pub(super) file: Option<Rotation>,
    pub(super) destination: Arc<Destination>,
}

impl RunningSink {
    /// Starts a sink. A file that another sink writes to already is shared with it.
    pub(super) fn start(
        key: &str,
        settings: SinkSettings,
        file_of: impl FnOnce(&std::path::Path) -> Option<Rotation>,
    ) -> Result<Self, Problem> {
        let (mut handlers, mut file) = (Callbacks::new(), None);
        if let Some(jsonl) = &settings.jsonl {
            let failed = |error| Problem::new(key_of(key, "jsonl.path"), error);
            file = match file_of(&jsonl.path) {
                Some(file) => {
                    // It may have been moved since.
                    file.reopen().map_err(failed)?;
                    Some(file)
                }
                None => jsonl::open(&jsonl.path).map_err(failed)?,
            };
            handlers = handlers.add(jsonl::handler(&settings, jsonl, file.as_ref()));
        }
        let otlp = settings.otlp.as_ref();
        let otlp = otlp.map(|otlp| Otlp::start(otlp, &key_of(key, "otlp"))).transpose()?;
        if let (Some(running), Some(otlp)) = (&otlp, &settings.otlp) {
            handlers = handlers.merge(running.handlers(&settings, otlp));
        }
        #[cfg(feature = "nats")]
        let nats = settings.nats.as_ref().map(|nats| super::nats::start(&nats.url));
        #[cfg(feature = "nats")]
        if let Some(publisher) = &nats {
            handlers = handlers.add(super::nats::handler(&settings, publisher));
        }
        let destination = Destination {
            otlp,
            #[cfg(feature = "nats")]
            nats,
            closed: OnceCell::new(),
        };
        Ok(Self { settings, handlers, file, destination: Arc::new(destination) })
    }

    /// Returns the state of the sink. It fails if events do not arrive where they are to.
    pub(crate) fn status(&self) -> SinkStatus {
        let handlers = self.handlers.stats();
        let is_suspended = handlers.iter().any(|handler| handler.suspended);
        let (file, is_lost) = self.file.as_ref().map(Rotation::status).unzip();
        SinkStatus {
            failing: is_suspended || is_lost == Some(true) || self.destination.is_failing(),
            faults: handlers.iter().map(|handler| handler.faults).sum(),
            handlers: handlers.iter().map(|handler| handler.handler.to_string()).collect(),
            file,
            exports: self.destination.otlp.as_ref().map(Otlp::status).unwrap_or_default(),
        }
    }

    /// Waits until what the handlers have got has arrived.
    pub(crate) async fn close(&self, deadline: Duration) {
        self.destination.close(deadline).await;
    }
}
