//! Prices that apply under conditions.

use std::{collections::BTreeMap, time::SystemTime};

use super::hours::Hours;
use crate::event::Usage;

/// The prices that a place of a table names, and those that replace them under conditions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Rules {
    pub(super) named: Named,
    /// In the order in which they apply: a later one replaces what an earlier one names.
    pub(super) variants: Vec<(Condition, Rules)>,
}

/// When prices apply.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Condition {
    /// The call starts at this time of day.
    Hours(Hours),
    /// The provider used this service tier.
    ServiceTier(Box<str>),
    /// The call has more input tokens than this.
    Above(u64),
}

impl Condition {
    fn holds(&self, usage: &Usage, time: Option<SystemTime>) -> bool {
        match self {
            Condition::Hours(hours) => time.is_some_and(|time| hours.contains(time)),
            Condition::ServiceTier(tier) => {
                usage.service_tier.as_ref().is_some_and(|used| used.eq_ignore_ascii_case(tier))
            }
            Condition::Above(tokens) => usage.input_tokens.is_some_and(|input| input > *tokens),
        }
    }
}

impl Rules {
    /// Whether any of the conditions is a service tier.
    pub(super) fn name_tier(&self, used: &str) -> bool {
        self.variants.iter().any(|(condition, rules)| {
            let is_used = matches!(condition, Condition::ServiceTier(tier) if tier.eq_ignore_ascii_case(used));
            is_used || rules.name_tier(used)
        })
    }

    /// Replaces prices by those of the conditions that hold.
    pub(super) fn apply(&self, prices: &mut Named, usage: &Usage, time: Option<SystemTime>) {
        for (condition, rules) in &self.variants {
            if condition.holds(usage, time) {
                prices.replace(&rules.named);
                rules.apply(prices, usage, time);
            }
        }
    }
}

/// Prices of which some are not named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Named {
    pub(super) input: Option<u64>,
    pub(super) output: Option<u64>,
    pub(super) cache_read: Option<u64>,
    pub(super) cache_write: Option<u64>,
    pub(super) reasoning: Option<u64>,
    pub(super) cache_writes: BTreeMap<Box<str>, u64>,
}

impl Named {
    fn replace(&mut self, by: &Self) {
        self.input = by.input.or(self.input);
        self.output = by.output.or(self.output);
        self.cache_read = by.cache_read.or(self.cache_read);
        self.cache_write = by.cache_write.or(self.cache_write);
        self.reasoning = by.reasoning.or(self.reasoning);
        self.cache_writes.extend(by.cache_writes.clone());
    }

    /// Removes from prices what is not named here.
    pub(super) fn forget_unnamed(&self, prices: &mut Self) {
        prices.cache_read = prices.cache_read.filter(|_| self.cache_read.is_some());
        prices.cache_write = prices.cache_write.filter(|_| self.cache_write.is_some());
        prices.reasoning = prices.reasoning.filter(|_| self.reasoning.is_some());
    }
}
