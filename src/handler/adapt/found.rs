/// Whether a text begins with something to cover. What is longer is greater, and what is not decided greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Found {
    No,
    /// So many bytes.
    Yes(usize),
    /// What follows decides it.
    Maybe,
}

impl Found {
    pub(super) fn maybe(is_open: bool) -> Self {
        if is_open { Found::Maybe } else { Found::No }
    }
}

/// Letters of scripts that separate words by spaces, and digits.
pub(super) fn of_word(c: char) -> bool {
    c.is_alphanumeric() && c < '\u{2E80}'
}
