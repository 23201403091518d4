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

/// What [`UsageTotals`](super::UsageTotals) had counted at one moment.
///
/// It is a copy, and serialises to one JSON object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UsageSnapshot {
    /// Since when was counted.
    #[serde(serialize_with = "timestamp")]
    pub since: SystemTime,
    /// Up to when.
    #[serde(serialize_with = "timestamp")]
    pub until: SystemTime,
    /// All runs, each once.
    pub total: UsageCounts,
    /// The groups, by key.
    pub groups: Vec<UsageGroup>,
    /// Runs of groups for which there was no room.
    pub other: UsageCounts,
    /// The windows in which runs ended, the oldest first.
    pub windows: Vec<UsageWindow>,
    /// What prices are in; none where there are no prices.
    pub currency: Option<Arc<str>>,
    /// Models that were used and have no price: the first hundred.
    pub unpriced_models: Vec<Arc<str>>,
    /// Whether there were more of them.
    pub more_unpriced_models: bool,
}

/// The runs that have a key in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UsageGroup {
    /// What they have in common.
    pub key: GroupKey,
    /// What they used.
    #[serde(flatten)]
    pub counts: UsageCounts,
}

/// The runs that ended in a window of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UsageWindow {
    /// When it started.
    #[serde(serialize_with = "timestamp")]
    pub start: SystemTime,
    /// How long it is.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub length: Duration,
    /// All runs, each once.
    pub total: UsageCounts,
    /// The groups, by key.
    pub groups: Vec<UsageGroup>,
    /// Runs of groups for which there was no room.
    pub other: UsageCounts,
}

impl UsageSnapshot {
    /// The group with some values, under their [names](GroupKey::get).
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
    /// The group with some values, under their [names](GroupKey::get).
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
