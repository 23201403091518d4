use serde::Deserialize;

use super::{
    Problem,
    values::{ByteSize, Seconds},
};

/// What clients may take.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LimitsSettings {
    /// How many connections are open at a time. Further ones wait.
    pub(crate) connections: Option<usize>,
    /// How large the body of a request may be. A larger one gets 413.
    pub(crate) request_body: Option<ByteSize>,
    /// How long the body of a request may take to arrive, however often something of it comes. Then it gets 408.
    pub(crate) upload_time: Option<Seconds>,
    /// How much of a request's body is captured for its events. The rest passes as it arrives.
    pub(crate) captured_request: Option<ByteSize>,
    /// How much of requests and answers all calls keep together for their events.
    pub(crate) kept_bytes: Option<ByteSize>,
}

impl LimitsSettings {
    pub(super) fn check(&self) -> Result<(), Problem> {
        let zero = |it: Option<u64>| it == Some(0);
        let of = |size: Option<ByteSize>| size.map(|size| size.0);
        let connections = self.connections.map(|it| it as u64);
        let upload = self.upload_time.map(|time| time.0.as_nanos() as u64);
        for (name, value) in [
            ("connections", connections),
            ("request_body", of(self.request_body)),
            ("upload_time", upload),
        ] {
            if zero(value) {
                let message = "must not be 0: leave it out for no limit";
                return Err(Problem::new(format!("limits.{name}"), message));
            }
        }
        Ok(())
    }
}
