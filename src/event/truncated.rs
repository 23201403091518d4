use std::{error::Error, fmt};

/// The error of an answer that ended without its protocol's end mark.
///
/// A run whose error has this type in its chain of sources ends in an error of kind
/// [`Truncated`](super::ErrorKind::Truncated).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Truncated;

impl fmt::Display for Truncated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer ended without its end mark")
    }
}

impl Error for Truncated {}
