use opentelemetry::{
    KeyValue,
    metrics::{Counter, Histogram, Meter},
};

use super::{SemanticConventions, names, value::text};
use crate::event::Usage;

/// What is measured.
pub(super) struct Instruments {
    pub(super) duration: Histogram<f64>,
    pub(super) time_to_first_chunk: Histogram<f64>,
    pub(super) time_per_output_chunk: Histogram<f64>,
    tokens: Tokens,
}

enum Tokens {
    /// One histogram, of input and output.
    Usage(Histogram<u64>),
    Latest(Box<Counters>),
}

/// What became of it.
struct Counters {
    input: Counter<u64>,
    output: Counter<u64>,
    cache_read: Counter<u64>,
    cache_write: Counter<u64>,
    reasoning: Counter<u64>,
    of_input: Histogram<u64>,
    of_output: Histogram<u64>,
}

impl Instruments {
    pub(super) fn new(meter: &Meter, conventions: SemanticConventions) -> Self {
        let seconds = |name: &'static str, what: &'static str| {
            let histogram = meter.f64_histogram(name).with_unit("s").with_description(what);
            histogram.with_boundaries(names::SECOND_BUCKETS.to_vec()).build()
        };
        let tokens = |name: &'static str, what: &'static str| {
            let histogram = meter.u64_histogram(name).with_unit("{token}").with_description(what);
            histogram.with_boundaries(names::TOKEN_BUCKETS.to_vec()).build()
        };
        let count = |name: &'static str, what: &'static str| {
            meter.u64_counter(name).with_unit("{token}").with_description(what).build()
        };
        Self {
            duration: seconds(conventions.duration(), "How long model calls took."),
            time_to_first_chunk: seconds(
                conventions.time_to_first_chunk(),
                "Time from the start of a model call to the first chunk of its answer.",
            ),
            time_per_output_chunk: seconds(
                conventions.time_per_output_chunk(),
                "Time from one chunk of an answer to the next.",
            ),
            tokens: match conventions {
                SemanticConventions::V1_41 => Tokens::Usage(tokens(
                    names::TOKEN_USAGE,
                    "Input and output tokens of model calls.",
                )),
                SemanticConventions::Latest => Tokens::Latest(Box::new(Counters {
                    input: count(names::USAGE_INPUT, "Input tokens, those of caches included."),
                    output: count(names::USAGE_OUTPUT, "Output tokens, reasoning included."),
                    cache_read: count(names::USAGE_CACHE_READ, "Input tokens read from a cache."),
                    cache_write: count(
                        names::USAGE_CACHE_WRITE,
                        "Input tokens written to a cache.",
                    ),
                    reasoning: count(names::USAGE_REASONING, "Output tokens that were reasoning."),
                    of_input: tokens(names::OPERATION_INPUT, "Input tokens of a model call."),
                    of_output: tokens(names::OPERATION_OUTPUT, "Output tokens of a model call."),
                })),
            },
        }
    }

    pub(super) fn usage(&self, usage: &Usage, attributes: &[KeyValue]) {
        let with = |more| [attributes, &[more]].concat();
        match &self.tokens {
            Tokens::Usage(tokens) => {
                let of = |kind: &'static str| with(text(names::TOKEN_TYPE, kind));
                tokens.record(usage.input_tokens, &of("input"));
                tokens.record(usage.output_tokens, &of("output"));
            }
            Tokens::Latest(counters) => {
                counters.of_input.record(usage.input_tokens, attributes);
                counters.of_output.record(usage.output_tokens, attributes);
                // Providers do not say which of them are texts.
                let unknown = with(text(names::TOKEN_MODALITY, "unknown"));
                counters.input.add(usage.input_tokens, &unknown);
                counters.output.add(usage.output_tokens, &unknown);
                for (counter, tokens) in [
                    (&counters.cache_read, usage.cache_read_tokens),
                    (&counters.cache_write, usage.cache_write_tokens),
                    (&counters.reasoning, usage.reasoning_tokens),
                ] {
                    if tokens > 0 {
                        counter.add(tokens, &unknown);
                    }
                }
            }
        }
    }
}
