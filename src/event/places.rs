use std::collections::HashMap;

/// Where the item with an index is: a few are looked through, of many there is a table, so that an
/// answer with a great many of them costs no more time for each.
#[derive(Debug, Clone, Default)]
#[expect(clippy::box_collection, reason = "every run has room for it, and hardly any has one")]
pub(super) struct Places(Option<Box<HashMap<u32, usize>>>);

impl Places {
    const FEW: usize = 32;

    #[inline]
    pub(super) fn find<T>(&self, items: &[T], index: u32, of: impl Fn(&T) -> u32) -> Option<usize> {
        match &self.0 {
            None => items.iter().rposition(|item| of(item) == index),
            Some(table) => table.get(&index).copied(),
        }
    }

    /// The last item is new.
    pub(super) fn added<T>(&mut self, items: &[T], of: impl Fn(&T) -> u32) {
        match (&mut self.0, items.last()) {
            (Some(table), Some(last)) => {
                table.insert(of(last), items.len() - 1);
            }
            (None, _) if items.len() > Self::FEW => {
                let all = items.iter().enumerate();
                self.0 = Some(Box::new(all.map(|(at, item)| (of(item), at)).collect()));
            }
            _ => {}
        }
    }
}
