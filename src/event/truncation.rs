use super::content::prefix;

/// Whether a text was truncated. Nothing is added behind a gap.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Truncation(bool);

impl Truncation {
    /// Appends to a text as far as the limits allow. Returns what was appended.
    pub(super) fn push<'d>(
        &mut self,
        text: &mut String,
        more: &'d str,
        (limit, room): (usize, usize),
    ) -> &'d str {
        let left = if self.0 { 0 } else { limit.saturating_sub(text.len()).min(room) };
        let added = prefix(more, left);
        self.0 |= added.len() < more.len();
        text.push_str(added);
        added
    }

    /// Returns true if something was left out.
    pub(super) fn is_truncated(self) -> bool {
        self.0
    }
}
