use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use opentelemetry::StringValue;

use crate::sync::lock;

/// What stands for all values beyond the bound: the conventions' own word for it, of `error.type`.
pub(super) const OTHER: &str = "_OTHER";

/// A longer one is not a name.
const MAX_LENGTH: usize = 128;

/// The values of one attribute of metrics. Each is a time series for ever, and clients can send any: so the
/// first so many are told apart, and all others are one.
#[derive(Debug)]
pub(super) struct Labels {
    max: usize,
    seen: Mutex<HashSet<Arc<str>>>,
}

impl Labels {
    pub(super) fn new(max: usize) -> Self {
        Self { max, seen: Mutex::default() }
    }

    pub(super) fn of(&self, value: &str) -> StringValue {
        if value.len() > MAX_LENGTH {
            return OTHER.into();
        }
        let mut seen = lock(&self.seen);
        if let Some(known) = seen.get(value) {
            return Arc::clone(known).into();
        }
        if seen.len() >= self.max {
            return OTHER.into();
        }
        let value: Arc<str> = value.into();
        seen.insert(Arc::clone(&value));
        value.into()
    }
}
