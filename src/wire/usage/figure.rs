use serde_json::Value;

use crate::wire::json::Count;

/// A count that may stand under several names: the first one by rank that is not 0.
#[derive(Debug, Default)]
pub(super) struct Figure(Option<(u8, u64)>);

impl Figure {
    pub(super) fn put(&mut self, rank: u8, value: &Value) {
        let Some(count) = Count::of(value) else { return };
        let better = self.0.is_none_or(|(known, before)| {
            if (before == 0) == (count == 0) { rank < known } else { before == 0 }
        });
        if better {
            self.0 = Some((rank, count));
        }
    }

    pub(super) fn get(&self) -> Option<u64> {
        self.0.map(|(_, count)| count)
    }

    pub(super) fn rank(&self) -> Option<u8> {
        self.0.map(|(rank, _)| rank)
    }
}
