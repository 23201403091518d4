use std::{sync::Arc, time::Duration};

use crate::{
    event::{ErrorKind, EventData, Failure},
    redact::Credentials,
    run::Run,
};

/// What a run adds up to, for its terminal event.
pub(crate) trait Account {
    /// The kind of the errors of the inner service whose causes do not say it.
    const ERROR_KIND: ErrorKind;

    /// Restricts a failure to what handlers may receive.
    fn failure(&self, failure: Failure) -> Failure;

    /// Returns what no failure may quote.
    fn credentials(&self) -> Option<&Arc<Credentials>> {
        None
    }

    /// The call has completed.
    fn complete(&mut self) {}

    /// Whether the answer has all that makes it complete but the protocol's end mark. Then it is complete though it stops
    /// here.
    fn is_finished(&self) -> bool {
        false
    }

    /// Builds the terminal event. Called once. `sent` is whether the request may have been sent.
    fn terminal(
        &mut self,
        run: &Run,
        duration: Duration,
        sent: bool,
        outcome: Result<(), Failure>,
    ) -> EventData;
}
