use crate::event::{LlmResult, Usage, UsageSource};

/// The usage of a run by how it is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Used {
    /// What the provider reported.
    pub(super) reported: Option<Usage>,
    /// What is estimated.
    pub(super) estimated: Option<Usage>,
}

impl Used {
    pub(super) fn of(result: &LlmResult) -> Self {
        let Some(usage) = &result.usage else { return Self::default() };
        let (reported, estimated) =
            (part(usage, |source| !is_estimate(source)), part(usage, is_estimate));
        let known = |usage: Usage| usage.is_known().then_some(usage);
        Self { reported: known(reported), estimated: known(estimated) }
    }

    /// Returns the tokens of all kinds.
    pub(super) fn tokens(&self) -> u64 {
        [&self.reported, &self.estimated].into_iter().flatten().map(tokens).sum()
    }
}

/// Returns the tokens of a usage. Some providers report a total that is larger than its parts.
fn tokens(usage: &Usage) -> u64 {
    let count = |count: Option<u64>| count.unwrap_or(0);
    let parts = count(usage.input_tokens).saturating_add(count(usage.output_tokens));
    count(usage.total_tokens).max(parts)
}

/// Records of earlier versions do not say how counts are known: then they were reported.
fn is_estimate(source: Option<UsageSource>) -> bool {
    source.is_some_and(|source| !source.is_reported())
}

/// Returns the counts with such sources. Cached tokens are known as the input is, and reasoning and what is charged by use as
/// the output.
fn part(usage: &Usage, of: impl Fn(Option<UsageSource>) -> bool) -> Usage {
    let mut part = usage.clone();
    let (input, output) = (of(usage.source.input), of(usage.source.output));
    if input && output {
        return part;
    }
    part.total_tokens = None;
    let is_input = |name: &str| name.starts_with("input_") || name.starts_with("cache_");
    part.details.retain(|name, _| if is_input(name) { input } else { output });
    if !input {
        (part.input_tokens, part.source.input, part.source.input_gap) = (None, None, None);
        (part.cache_read_tokens, part.cache_write_tokens) = (None, None);
        part.cache_writes.clear();
    }
    if !output {
        (part.output_tokens, part.source.output, part.source.output_gap) = (None, None, None);
        part.reasoning_tokens = None;
    }
    part
}
