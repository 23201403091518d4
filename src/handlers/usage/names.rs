use std::{collections::BTreeSet, sync::Arc};

use crate::event::prefix;

/// Truncates a name that clients or providers chose.
pub(super) fn name(text: &str) -> Arc<str> {
    const BYTES: usize = 256;
    prefix(text, BYTES).into()
}

/// The first hundred distinct names.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    names: BTreeSet<Arc<str>>,
    more: bool,
}

impl Names {
    const MAX: usize = 100;

    pub(super) fn add(&mut self, text: Option<&str>) {
        let name = name(text.unwrap_or(""));
        if self.names.contains(&name) {
            return;
        }
        if self.names.len() < Self::MAX {
            self.names.insert(name);
        } else {
            self.more = true;
        }
    }

    pub(super) fn list(&self) -> Vec<Arc<str>> {
        self.names.iter().cloned().collect()
    }

    pub(super) fn has_more(&self) -> bool {
        self.more
    }
}
