use opentelemetry::{
    KeyValue,
    metrics::{Counter, Histogram, Meter},
};
use serde_json::Value;

use super::{SemanticConventions, modality::by_modality, names, value::text};
use crate::event::Usage;

/// The instruments of [`OtelMetrics`](super::OtelMetrics).
pub(super) struct Instruments {
    pub(super) duration: Histogram<f64>,
    pub(super) time_to_first_chunk: Histogram<f64>,
    pub(super) time_per_output_chunk: Histogram<f64>,
    /// Duration and input tokens of embeddings, in conventions that have such metrics.
    pub(super) embeddings: Option<(Histogram<f64>, Histogram<u64>)>,
    /// Where the conventions have them.
    pub(super) tool_duration: Option<Histogram<f64>>,
    pub(super) agent_duration: Option<Histogram<f64>>,
    tokens: TokenInstruments,
}

enum TokenInstruments {
    /// One histogram of input and output tokens.
    V1_41(Histogram<u64>),
    Latest(Box<TokenCounters>),
}

struct TokenCounters {
    input: Counter<u64>,
    output: Counter<u64>,
    cache_read: Counter<u64>,
    cache_write: Counter<u64>,
    reasoning: Counter<u64>,
    input_per_call: Histogram<u64>,
    output_per_call: Histogram<u64>,
}

impl Instruments {
    pub(super) fn new(meter: &Meter, conventions: SemanticConventions) -> Self {
        let histogram = |name: &'static str, description: &'static str, bounds: &[f64]| {
            let histogram = meter.f64_histogram(name).with_unit("s").with_description(description);
            histogram.with_boundaries(bounds.to_vec()).build()
        };
        let seconds = |name, description| histogram(name, description, &names::SECOND_BUCKETS);
        let tokens = |name: &'static str, description: &'static str| {
            let histogram = meter.u64_histogram(name).with_unit("{token}");
            let histogram = histogram.with_description(description);
            histogram.with_boundaries(names::TOKEN_BUCKETS.to_vec()).build()
        };
        let count = |name: &'static str, description: &'static str| {
            meter.u64_counter(name).with_unit("{token}").with_description(description).build()
        };
        let is_latest = conventions == SemanticConventions::Latest;
        Self {
            duration: seconds(conventions.duration(), "Duration of model calls."),
            time_to_first_chunk: seconds(
                conventions.time_to_first_chunk(),
                "Time from the start of a model call to the first chunk of its answer.",
            ),
            time_per_output_chunk: seconds(
                conventions.time_per_output_chunk(),
                "Time from one chunk of an answer to the next.",
            ),
            embeddings: is_latest.then(|| {
                (
                    seconds(names::EMBEDDINGS_DURATION, "Duration of calls of embedding models."),
                    tokens(
                        names::EMBEDDINGS_INPUT,
                        "Input tokens of a call of an embedding model.",
                    ),
                )
            }),
            tool_duration: (conventions != SemanticConventions::V1_41)
                .then(|| seconds(names::TOOL_DURATION, "Duration of tools.")),
            agent_duration: is_latest.then(|| {
                histogram(names::AGENT_DURATION, "Duration of agents.", &names::AGENT_BUCKETS)
            }),
            tokens: match conventions {
                SemanticConventions::V1_41 | SemanticConventions::PythonUtil => {
                    TokenInstruments::V1_41(tokens(
                        names::TOKEN_USAGE,
                        "Input and output tokens of model calls.",
                    ))
                }
                SemanticConventions::Latest => TokenInstruments::Latest(Box::new(TokenCounters {
                    input: count(names::USAGE_INPUT, "Input tokens, including cached ones."),
                    output: count(names::USAGE_OUTPUT, "Output tokens, including reasoning."),
                    cache_read: count(names::USAGE_CACHE_READ, "Input tokens read from a cache."),
                    cache_write: count(
                        names::USAGE_CACHE_WRITE,
                        "Input tokens written to a cache.",
                    ),
                    reasoning: count(names::USAGE_REASONING, "Output tokens used for reasoning."),
                    input_per_call: tokens(names::OPERATION_INPUT, "Input tokens of a call."),
                    output_per_call: tokens(names::OPERATION_OUTPUT, "Output tokens of a call."),
                })),
            },
        }
    }

    /// Returns whether runs that call no model are measured.
    pub(super) fn of_runs(&self) -> bool {
        self.tool_duration.is_some() || self.agent_duration.is_some()
    }

    /// Records the tokens of a call. `raw` is the provider's own report.
    pub(super) fn usage(&self, usage: &Usage, raw: Option<&Value>, attributes: &[KeyValue]) {
        let with = |more| [attributes, &[more]].concat();
        match &self.tokens {
            TokenInstruments::V1_41(tokens) => {
                let of = |kind| with(text(names::TOKEN_TYPE, kind));
                for (kind, count) in
                    [("input", usage.input_tokens), ("output", usage.output_tokens)]
                {
                    if let Some(count) = count {
                        tokens.record(count, &of(kind));
                    }
                }
            }
            TokenInstruments::Latest(latest) => {
                for (histogram, tokens) in [
                    (&latest.input_per_call, usage.input_tokens),
                    (&latest.output_per_call, usage.output_tokens),
                ] {
                    if let Some(tokens) = tokens {
                        histogram.record(tokens, attributes);
                    }
                }
                let modal = by_modality(raw);
                for (counter, tokens, kind) in [
                    (&latest.input, usage.input_tokens, "input_tokens"),
                    (&latest.output, usage.output_tokens, "output_tokens"),
                    (&latest.cache_read, usage.cache_read_tokens, "cache_read.input_tokens"),
                    (&latest.cache_write, usage.cache_write_tokens, ""),
                    (&latest.reasoning, usage.reasoning_tokens, ""),
                ] {
                    let mut rest = tokens.unwrap_or(0);
                    for of in modal.iter().filter(|of| of.kind == kind) {
                        // The parts of a report may exceed their sum.
                        let tokens = of.tokens.min(rest);
                        rest -= tokens;
                        counter.add(tokens, &with(text(names::TOKEN_MODALITY, of.modality)));
                    }
                    if rest > 0 {
                        counter.add(rest, &with(text(names::TOKEN_MODALITY, "unknown")));
                    }
                }
            }
        }
    }
}
