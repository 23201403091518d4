use std::{error::Error, fmt};

use super::record::RECORD_VERSION;

/// The error of a text that is not an event record of a known version.
///
/// It quotes nothing of the text, which may hold a prompt or an answer. For the same reason it has no source:
/// the messages of a JSON parser quote values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidRecord(Reason);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reason {
    NotJson { line: usize, column: usize },
    Member { line: usize, column: usize },
    Field { name: &'static str, expected: &'static str },
    Version(u32),
}

impl InvalidRecord {
    pub(super) fn field(name: &'static str, expected: &'static str) -> Self {
        Self(Reason::Field { name, expected })
    }

    pub(super) fn version(version: u32) -> Self {
        Self(Reason::Version(version))
    }

    /// Returns the version of a record that this version of the crate does not read.
    pub fn unsupported_version(&self) -> Option<u32> {
        match self.0 {
            Reason::Version(version) => Some(version),
            _ => None,
        }
    }
}

impl fmt::Display for InvalidRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid event record: ")?;
        match self.0 {
            Reason::NotJson { line, column } => {
                write!(f, "not JSON at line {line}, column {column}")
            }
            Reason::Member { line, column } => {
                write!(
                    f,
                    "a field is missing or has the wrong type, at line {line}, column {column}"
                )
            }
            Reason::Field { name, expected } => write!(f, "`{name}` is not {expected}"),
            Reason::Version(version) => {
                write!(f, "version {version}, where 1 to {RECORD_VERSION} are supported")
            }
        }
    }
}

impl Error for InvalidRecord {}

impl From<serde_json::Error> for InvalidRecord {
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        Self(match error.classify() {
            serde_json::error::Category::Data => Reason::Member { line, column },
            _ => Reason::NotJson { line, column },
        })
    }
}
