use std::{fmt, sync::Arc};

/// A secret string. Its `Debug` form is `[redacted]`, and it cannot be displayed.
///
/// ```
/// use tower_llm_callbacks::model::Secret;
///
/// assert_eq!(format!("{:?}", Secret::from("sk-ant-1")), "[redacted]");
/// ```
#[derive(Clone)]
pub struct Secret(Arc<str>);

impl Secret {
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
