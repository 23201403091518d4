use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde::{Serialize, Serializer};

use super::{
    counts::UsageCounts, group::GroupKey, group::Values, names::Names, period::Period,
    window::Windows,
};

/// A snapshot of [`UsageTotals`](super::UsageTotals).
///
/// Serialises to one JSON object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UsageSnapshot {
    /// The start of counting: when the handler was built, or the last [`take`](super::UsageTotals::take).
    #[serde(serialize_with = "timestamp")]
    pub since: SystemTime,
    /// The time of the snapshot.
    #[serde(serialize_with = "timestamp")]
    pub until: SystemTime,
    /// The counts of all runs, each counted once.
    pub total: UsageCounts,
    /// The groups, sorted by key.
    pub groups: Vec<UsageGroup>,
    /// The counts of runs of groups beyond [`max_groups`](super::UsageTotalsBuilder::max_groups).
    pub other: UsageCounts,
    /// The windows in which runs ended, oldest first.
    pub windows: Vec<UsageWindow>,
    /// The currency of the prices, or `None` if there are no prices.
    pub currency: Option<Arc<str>>,
    /// The first hundred models that were used and have no price.
    pub unpriced_models: Vec<Arc<str>>,
    /// Whether more than a hundred models have no price.
    pub more_unpriced_models: bool,
}

/// The counts of the runs with a common key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UsageGroup {
    /// The values that the runs have in common.
    pub key: GroupKey,
    /// The counts of the runs.
    #[serde(flatten)]
    pub counts: UsageCounts,
}

/// The counts of the runs that ended in a time window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UsageWindow {
    /// The start of the window.
    #[serde(serialize_with = "timestamp")]
    pub start: SystemTime,
    /// The length of the window.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub length: Duration,
    /// The counts of all runs, each counted once.
    pub total: UsageCounts,
    /// The groups, sorted by key.
    pub groups: Vec<UsageGroup>,
    /// The counts of runs of groups beyond [`max_groups`](super::UsageTotalsBuilder::max_groups).
    pub other: UsageCounts,
}

impl UsageSnapshot {
    /// Returns the group with these values, given by [name](GroupKey::get).
    pub fn group(&self, values: &[(&str, &str)]) -> Option<&UsageGroup> {
        find(&self.groups, values)
    }

    pub(super) fn new(
        (since, until): (SystemTime, SystemTime),
        all: Period,
        names: &Arc<[Arc<str>]>,
        unpriced: &Names,
        currency: Option<Arc<str>>,
    ) -> Self {
        Self {
            since,
            until,
            total: all.total,
            groups: sorted(names, all.groups),
            other: all.other,
            windows: Vec::new(),
            currency,
            unpriced_models: unpriced.list(),
            more_unpriced_models: unpriced.has_more(),
        }
    }
}

impl UsageWindow {
    /// Returns the group with these values, given by [name](GroupKey::get).
    pub fn group(&self, values: &[(&str, &str)]) -> Option<&UsageGroup> {
        find(&self.groups, values)
    }

    pub(super) fn new(
        windows: &Windows,
        number: u64,
        period: Period,
        names: &Arc<[Arc<str>]>,
    ) -> Self {
        Self {
            start: windows.start(number),
            length: windows.length,
            total: period.total,
            groups: sorted(names, period.groups),
            other: period.other,
        }
    }
}

fn find<'a>(groups: &'a [UsageGroup], values: &[(&str, &str)]) -> Option<&'a UsageGroup> {
    let has =
        |group: &UsageGroup, (name, value): &(&str, &str)| group.key.get(name) == Some(*value);
    groups.iter().find(|group| values.iter().all(|value| has(group, value)))
}

fn sorted(names: &Arc<[Arc<str>]>, groups: HashMap<Values, UsageCounts>) -> Vec<UsageGroup> {
    let group = |(values, counts)| UsageGroup { key: GroupKey::new(names, values), counts };
    let mut groups: Vec<_> = groups.into_iter().map(group).collect();
    groups.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    groups
}

pub(super) fn timestamp<S: Serializer>(
    time: &SystemTime,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_rfc3339_micros(*time))
}

fn seconds<S: Serializer>(length: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(length.as_secs_f64())
}
