use std::collections::HashMap;

/// Finds the item with an index. A few items are searched; many have a table, so that the cost of an item does not
/// grow with their number.
#[derive(Debug, Clone, Default)]
#[expect(clippy::box_collection, reason = "every run has the field, and hardly any uses it")]
pub(super) struct IndexTable(Option<Box<HashMap<u32, usize>>>);

impl IndexTable {
    const FEW: usize = 32;

    #[inline]
    pub(super) fn find<T>(&self, items: &[T], index: u32, of: impl Fn(&T) -> u32) -> Option<usize> {
        match &self.0 {
            None => items.iter().rposition(|item| of(item) == index),
            Some(table) => table.get(&index).copied(),
        }
    }

    /// Adds the last item to the table.
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
