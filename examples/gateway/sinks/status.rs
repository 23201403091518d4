use std::collections::BTreeMap;

use serde::Serialize;

use super::{FileStatus, SignalStatus};

/// The state of a sink, for `/readyz`.
#[derive(Debug, Serialize)]
pub(crate) struct SinkStatus {
    pub(super) handlers: Vec<String>,
    pub(crate) failing: bool,
    pub(super) faults: u64,
    /// Of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<FileStatus>,
    /// Of a receiver of OTLP: traces, metrics and logs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) exports: BTreeMap<&'static str, SignalStatus>,
}
