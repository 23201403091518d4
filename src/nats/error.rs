use std::{error, fmt};

use async_nats::ServerAddr;
use tower::BoxError;

/// An error of a [`Publisher`](super::Publisher) or a [`Worker`](super::Worker).
///
/// The message names the server or the stream; the [`source`](error::Error::source) is the NATS client's error. Neither
/// contains credentials.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    source: Option<BoxError>,
}

#[derive(Debug)]
enum Kind {
    /// The number of the address among the configured ones, from 1. The address may contain a password.
    InvalidAddress(usize),
    Connect {
        host: String,
        port: u16,
    },
    StreamMismatch {
        stream: String,
        reason: String,
    },
    Request {
        action: &'static str,
        stream: String,
    },
    Disconnected,
    TakenOver {
        partition: u32,
        group: String,
    },
}

impl Error {
    pub(super) fn invalid_address(number: usize) -> Self {
        Self { kind: Kind::InvalidAddress(number), source: None }
    }

    pub(super) fn connect(server: &ServerAddr, source: async_nats::ConnectError) -> Self {
        let kind = Kind::Connect { host: server.host().to_owned(), port: server.port() };
        Self { kind, source: Some(source.into()) }
    }

    pub(super) fn stream_mismatch(stream: &str, reason: String) -> Self {
        Self { kind: Kind::StreamMismatch { stream: stream.to_owned(), reason }, source: None }
    }

    /// A request failed: the server rejected it or did not answer.
    pub(super) fn request(action: &'static str, stream: &str, source: impl Into<BoxError>) -> Self {
        let kind = Kind::Request { action, stream: stream.to_owned() };
        Self { kind, source: Some(source.into()) }
    }

    pub(super) fn disconnected() -> Self {
        Self { kind: Kind::Disconnected, source: None }
    }

    pub(super) fn taken_over(partition: u32, group: &str) -> Self {
        Self { kind: Kind::TakenOver { partition, group: group.to_owned() }, source: None }
    }

    /// Returns whether a configured server address is invalid.
    pub fn is_invalid_address(&self) -> bool {
        matches!(self.kind, Kind::InvalidAddress(_))
    }

    /// Returns whether the server could not be reached or refused the login.
    pub fn is_connect(&self) -> bool {
        matches!(self.kind, Kind::Connect { .. })
    }

    /// Returns whether the stream exists with another configuration than this process expects.
    pub fn is_stream_mismatch(&self) -> bool {
        matches!(self.kind, Kind::StreamMismatch { .. })
    }

    /// Returns whether the connection was lost.
    pub fn is_disconnected(&self) -> bool {
        matches!(self.kind, Kind::Disconnected)
    }

    /// Returns whether another worker of the group reads the partition now.
    pub fn is_taken_over(&self) -> bool {
        matches!(self.kind, Kind::TakenOver { .. })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::InvalidAddress(number) => write!(
                f,
                "NATS server address {number} is invalid: expected a URL such as `nats://host:4222`"
            ),
            Kind::Connect { host, port } => {
                write!(f, "cannot connect to NATS server {host}:{port}")
            }
            Kind::StreamMismatch { stream, reason } => {
                write!(f, "NATS stream `{stream}` is not as configured: {reason}")
            }
            Kind::Request { action, stream } => write!(f, "cannot {action} NATS stream `{stream}`"),
            Kind::Disconnected => f.write_str("connection to the NATS server was lost"),
            Kind::TakenOver { partition, group } => write!(
                f,
                "partition {partition} was taken over by another worker of group `{group}`"
            ),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
