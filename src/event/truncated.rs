use std::{error::Error, fmt};

/// The answer ended without its protocol's end mark.
///
/// Found in the chain of sources of an error, it makes the run end in an error of kind
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
