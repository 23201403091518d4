//! The usage of Anthropic Messages, whose input excludes cached tokens.

use super::{
    super::{
        answer::Counts,
        choices::{Axis, Choices, axis},
        json::Json,
    },
    counts, some,
};

axis! {
    /// How tokens written to the cache are told.
    WrittenTokens { Sum, SumAndByLifetime }
}

axis! {
    /// Counts that are 0.
    NoCached { Zero, Null, Absent }
}

/// Writes counts in a spelling that is the same for all reports of an answer.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    written: WrittenTokens,
    none: NoCached,
}

impl Usage {
    pub fn new(choices: &mut Choices<'_>) -> Self {
        Self { written: choices.axis(), none: choices.axis() }
    }

    pub fn json(self, usage: Counts) -> Json {
        let mut json = self.input(usage).with("output_tokens", Json::Count(usage.output));
        self.thinking(usage, &mut json);
        json
    }

    /// The output alone, as at the end of a stream.
    pub fn output(self, usage: Counts) -> Json {
        let mut json = counts(&[("output_tokens", Some(usage.output))]);
        self.thinking(usage, &mut json);
        json
    }

    fn input(self, usage: Counts) -> Json {
        let input = usage.input - usage.read - usage.write;
        let mut json = counts(&[("input_tokens", Some(input))]);
        for (name, count) in
            [("cache_read_input_tokens", usage.read), ("cache_creation_input_tokens", usage.write)]
        {
            match self.none {
                NoCached::Null if count == 0 => json.add(name, Json::NULL),
                NoCached::Absent if count == 0 => {}
                _ => json.add(name, Json::Count(count)),
            }
        }
        if self.written == WrittenTokens::SumAndByLifetime {
            let short = usage.write / 4;
            json.add(
                "cache_creation",
                counts(&[
                    ("ephemeral_5m_input_tokens", Some(short)),
                    ("ephemeral_1h_input_tokens", Some(usage.write - short)),
                ]),
            );
        }
        json
    }

    fn thinking(self, usage: Counts, json: &mut Json) {
        if let Some(tokens) = some(usage.reasoning) {
            json.add("output_tokens_details", counts(&[("thinking_tokens", Some(tokens))]));
        }
    }
}
