use std::time::Duration;

use tokio::sync::OnceCell;

use super::otlp::Otlp;

/// What a sink sends to, and has to be closed.
pub(crate) struct Destination {
    pub(super) closed: OnceCell<()>,
    pub(super) otlp: Option<Otlp>,
    #[cfg(feature = "nats")]
    pub(super) nats: Option<tower_llm_callbacks::nats::Publisher>,
}

impl Destination {
    /// Returns whether calls in flight may still send something.
    pub(super) fn is_used(&self) -> bool {
        #[cfg(feature = "nats")]
        if self.nats.is_some() {
            return true;
        }
        self.otlp.as_ref().is_some_and(Otlp::is_used)
    }

    /// Returns whether what is sent does not arrive.
    pub(super) fn is_failing(&self) -> bool {
        #[cfg(feature = "nats")]
        if self.nats.as_ref().is_some_and(super::nats::is_failing) {
            return true;
        }
        self.otlp.as_ref().is_some_and(Otlp::is_failing)
    }

    /// Waits until what the handlers have got has arrived. A second call waits for the first one.
    pub(super) async fn close(&self, deadline: Duration) {
        self.closed.get_or_init(|| self.end(deadline)).await;
    }

    async fn end(&self, deadline: Duration) {
        if let Some(otlp) = &self.otlp {
            otlp.shut_down(deadline).await;
        }
        #[cfg(feature = "nats")]
        if let Some(publisher) = &self.nats {
            super::nats::flush(publisher, deadline).await;
        }
    }
}
