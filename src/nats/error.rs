use std::{error, fmt};

/// What can go wrong between here and a NATS server. Its text never has the server's address in it: there may be
/// a password in that.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The server cannot be reached, or does not let in.
    Connect(String),
    /// The stream is there, but is not as it is configured here.
    StreamMismatch(String),
    /// The server refused something.
    Server(String),
    /// The connection broke.
    Disconnected,
    /// Another worker of the same group reads the partition now.
    TakenOver {
        /// Which partition.
        partition: u32,
    },
}

impl Error {
    pub(super) fn server(what: &str, error: impl fmt::Display) -> Self {
        Self::Server(format!("{what}: {error}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Connect(why) => write!(f, "cannot connect to the NATS server: {why}"),
            Error::StreamMismatch(why) => write!(f, "the stream is not as configured: {why}"),
            Error::Server(what) => write!(f, "the NATS server: {what}"),
            Error::Disconnected => f.write_str("the connection to the NATS server broke"),
            Error::TakenOver { partition } => {
                write!(f, "partition {partition} was taken over by another worker")
            }
        }
    }
}

impl error::Error for Error {}
