use std::{error, fmt};

use async_nats::{ConnectError, ServerAddr};
use tower::BoxError;

/// An error of a [`Publisher`](super::Publisher), of a [`Worker`](super::Worker), or of accounts.
///
/// The message names the server, the stream or the bucket; the [`source`](error::Error::source) is the NATS client's error. Neither
/// contains credentials.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    source: Option<BoxError>,
}

#[derive(Debug)]
enum Kind {
    /// The number of the address among the configured ones, from 1. The address itself may contain a password.
    InvalidAddress(usize),
    /// Host and port.
    Connect(String),
    /// The stream, and how it differs.
    StreamMismatch(String, String),
    /// The action, and the stream.
    Request(&'static str, String),
    /// The action, and the bucket.
    #[cfg(feature = "usage")]
    Bucket(&'static str, String),
    Disconnected,
    /// The partition, and the group.
    TakenOver(u32, String),
}

impl Error {
    pub(super) fn invalid_address(number: usize) -> Self {
        Self { kind: Kind::InvalidAddress(number), source: None }
    }

    pub(super) fn connect(server: &ServerAddr, source: ConnectError) -> Self {
        let (host, port) = (server.host(), server.port());
        let is_ipv6 = host.contains(':');
        let server = if is_ipv6 { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        Self { kind: Kind::Connect(server), source: Some(source.into()) }
    }

    pub(super) fn stream_mismatch(stream: &str, reason: String) -> Self {
        Self { kind: Kind::StreamMismatch(stream.to_owned(), reason), source: None }
    }

    /// The server rejected a request or did not answer.
    pub(super) fn request(action: &'static str, stream: &str, source: impl Into<BoxError>) -> Self {
        Self { kind: Kind::Request(action, stream.to_owned()), source: Some(source.into()) }
    }

    /// The server rejected a request about a bucket or did not answer.
    #[cfg(feature = "usage")]
    pub(super) fn bucket(action: &'static str, bucket: &str, source: impl Into<BoxError>) -> Self {
        Self { kind: Kind::Bucket(action, bucket.to_owned()), source: Some(source.into()) }
    }

    pub(super) fn disconnected() -> Self {
        Self { kind: Kind::Disconnected, source: None }
    }

    pub(super) fn taken_over(partition: u32, group: &str) -> Self {
        Self { kind: Kind::TakenOver(partition, group.to_owned()), source: None }
    }

    /// Returns whether a configured server address is invalid.
    pub fn is_invalid_address(&self) -> bool {
        matches!(self.kind, Kind::InvalidAddress(_))
    }

    /// Returns whether the server could not be reached or refused the login.
    pub fn is_connect(&self) -> bool {
        matches!(self.kind, Kind::Connect(_))
    }

    /// Returns whether the stream exists with another configuration than this process expects.
    pub fn is_stream_mismatch(&self) -> bool {
        matches!(self.kind, Kind::StreamMismatch(..))
    }

    /// Returns whether the connection was lost.
    pub fn is_disconnected(&self) -> bool {
        matches!(self.kind, Kind::Disconnected)
    }

    /// Returns whether another worker of the group reads the partition now.
    pub fn is_taken_over(&self) -> bool {
        matches!(self.kind, Kind::TakenOver(..))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::InvalidAddress(number) => {
                write!(f, "NATS server address {number} is invalid: expected `nats://host:port`")
            }
            Kind::Connect(server) => write!(f, "cannot connect to NATS server {server}"),
            Kind::StreamMismatch(stream, reason) => {
                write!(f, "NATS stream `{stream}` is not as configured: {reason}")
            }
            Kind::Request(action, stream) => write!(f, "cannot {action} NATS stream `{stream}`"),
            #[cfg(feature = "usage")]
            Kind::Bucket(action, bucket) => write!(f, "cannot {action} NATS bucket `{bucket}`"),
            Kind::Disconnected => f.write_str("connection to the NATS server was lost"),
            Kind::TakenOver(partition, group) => {
                write!(f, "another worker of group `{group}` took over partition {partition}")
            }
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
