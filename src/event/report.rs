use std::sync::Arc;

use serde_json::Value;

use super::{Delta, LlmResult, Usage};

/// What a provider reports of an answer as a whole, mostly at its end.
#[derive(Debug, Clone, Default)]
pub(super) struct Report {
    usage: Option<Usage>,
    raw: Option<Value>,
    outputs: Option<u64>,
    dimensions: Option<u32>,
    /// The outputs themselves.
    pub(super) output: Vec<Value>,
    flagged: Option<Vec<bool>>,
    fingerprint: Option<Arc<str>>,
}

impl Report {
    /// Adds a delta.
    pub(super) fn add(&mut self, delta: &Delta<'_>) {
        match delta {
            Delta::Usage { usage, raw } => {
                let known = usage.is_known();
                if known {
                    self.usage.get_or_insert_default().update(usage);
                }
                // A report without counts does not replace one that has some.
                if let Some(raw) = raw
                    && (known || self.usage.is_none())
                {
                    self.raw = Some((**raw).clone());
                }
            }
            Delta::Fingerprint(fingerprint) => {
                self.fingerprint.get_or_insert_with(|| (&**fingerprint).into());
            }
            Delta::Outputs { count, dimensions } => {
                self.outputs = Some(*count);
                self.dimensions = dimensions.or(self.dimensions);
            }
            Delta::Flagged(flags) => self.flagged = Some(flags.to_vec()),
            _ => {}
        }
    }

    /// Adds the report to a result.
    pub(super) fn complete(self, result: &mut LlmResult) {
        result.system_fingerprint = self.fingerprint;
        result.usage = self.usage;
        result.usage_raw = self.raw;
        result.outputs = self.outputs;
        result.dimensions = self.dimensions;
        result.output = self.output;
        result.flagged = self.flagged;
    }
}
