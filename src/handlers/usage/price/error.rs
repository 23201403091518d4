use std::{error::Error, fmt, path::Path};

/// An error of reading a [`PriceTable`](super::PriceTable). The message names the field, its value and what is expected.
#[derive(Debug)]
pub struct PriceTableError {
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl PriceTableError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    pub(super) fn unreadable(error: std::io::Error) -> Self {
        Self::new("cannot read the price table").with_source(error)
    }

    pub(super) fn with_source(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
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
        self.source.as_deref().map(|source| source as _)
    }
}
