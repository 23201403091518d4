use std::{error::Error, fmt, io, path::Path};

/// A price table cannot be read, or is not valid. The message says where, and what is expected there.
#[derive(Debug)]
pub struct PriceTableError {
    message: String,
    source: Option<io::Error>,
}

impl PriceTableError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    pub(super) fn unreadable(error: io::Error) -> Self {
        Self { message: format!("the price table cannot be read: {error}"), source: Some(error) }
    }

    pub(super) fn in_file(self, path: &Path) -> Self {
        Self { message: format!("{}: {}", path.display(), self.message), ..self }
    }
}

impl fmt::Display for PriceTableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for PriceTableError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
