use std::collections::HashMap;

/// A bounded map, from which the entry that was not used for longest is removed.
#[derive(Debug)]
pub(super) struct Recent<V> {
    entries: HashMap<u64, (u64, V)>,
    most: usize,
    /// The number of uses so far.
    now: u64,
}

impl<V> Recent<V> {
    pub(super) fn new(most: usize) -> Self {
        Self { entries: HashMap::new(), most, now: 0 }
    }

    /// Returns an entry, which counts as a use of it.
    pub(super) fn get(&mut self, key: u64) -> Option<&mut V> {
        self.now += 1;
        let (used, value) = self.entries.get_mut(&key)?;
        *used = self.now;
        Some(value)
    }

    /// Returns an entry, and adds it if there is none.
    pub(super) fn entry(&mut self, key: u64, new: impl FnOnce() -> V) -> &mut V {
        if !self.entries.contains_key(&key) && self.entries.len() >= self.most {
            // A walk over all, since new models are rare.
            let oldest =
                self.entries.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| *key);
            oldest.map(|key| self.entries.remove(&key));
        }
        self.now += 1;
        let (used, value) = self.entries.entry(key).or_insert_with(|| (0, new()));
        *used = self.now;
        value
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::Recent;

    #[test]
    fn the_entry_that_was_not_used_for_longest_is_removed() {
        let mut recent = Recent::new(2);
        *recent.entry(1, || 0) = 10;
        *recent.entry(2, || 0) = 20;
        assert_eq!(recent.get(1), Some(&mut 10));
        *recent.entry(3, || 0) = 30;
        assert_eq!(recent.len(), 2);
        assert_eq!(
            (recent.get(1).is_some(), recent.get(2).is_some(), recent.get(3).is_some()),
            (true, false, true)
        );
    }
}
