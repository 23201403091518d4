//! The usage of Chat Completions, and of the many servers with the same protocol.

use super::{
    super::{
        answer::Counts,
        choices::{Axis, Choices, axis},
        json::Json,
    },
    counts, some,
};

axis! {
    /// The names of input, output and total.
    UsageNames { Chat, InputOutput, CamelCase, WithoutTotal }
}

axis! {
    /// Where cached tokens are, with chat's names.
    CacheRead {
        Details,
        /// Moonshot.
        Top,
        TopAndDetails,
        /// DeepSeek.
        HitTokens,
        /// LiteLLM.
        TopLikeAnthropic,
        /// Writer.
        DetailsSingular,
    }
}

axis! {
    /// Where tokens written to a cache are, with chat's names.
    CacheWrite {
        WriteTokens,
        /// Qwen.
        CreationInputTokens,
        /// LiteLLM.
        CreationTokens,
        TopLikeAnthropic,
        DetailsAndTop,
    }
}

axis! {
    /// Where reasoning tokens are, with chat's names.
    ReasoningTokens {
        Details,
        Top,
        TopAndDetails,
        /// xAI: outside the output, inside the total.
        OutsideOutput,
    }
}

axis! {
    /// Details that are not reported.
    NoDetails { Absent, Null, Empty, Zeros }
}

/// Writes counts in a spelling that is the same for all reports of an answer.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    names: UsageNames,
    read: CacheRead,
    write: CacheWrite,
    reasoning: ReasoningTokens,
    details: NoDetails,
}

impl Usage {
    pub fn new(choices: &mut Choices<'_>) -> Self {
        Self {
            names: choices.axis(),
            read: choices.axis(),
            write: choices.axis(),
            reasoning: choices.axis(),
            details: choices.axis(),
        }
    }

    pub fn json(self, usage: Counts) -> Json {
        match self.names {
            UsageNames::Chat => self.chat(usage, Some(usage.total())),
            UsageNames::WithoutTotal => self.chat(usage, None),
            UsageNames::InputOutput => input_output(usage),
            UsageNames::CamelCase => counts(&[
                ("inputTokens", Some(usage.input)),
                ("outputTokens", Some(usage.output)),
                ("totalTokens", Some(usage.total())),
                ("cachedInputTokens", some(usage.read)),
                ("reasoningTokens", some(usage.reasoning)),
            ]),
        }
    }

    /// Whether the names can say how many tokens were written to a cache.
    pub fn has_write(self) -> bool {
        self.names != UsageNames::CamelCase
    }

    fn chat(self, usage: Counts, total: Option<u64>) -> Json {
        let (read, write, reasoning) = (usage.read, usage.write, usage.reasoning);
        // Without a total nothing tells that reasoning is outside.
        let outside = self.reasoning == ReasoningTokens::OutsideOutput && total.is_some();
        let output = if outside { usage.output - reasoning } else { usage.output };
        let mut json = counts(&[
            ("prompt_tokens", Some(usage.input)),
            ("completion_tokens", Some(output)),
            ("total_tokens", total),
        ]);
        let mut top = |name: &str, count: u64| json.add(name, Json::Count(count));
        match self.read {
            CacheRead::Top | CacheRead::TopAndDetails => top("cached_tokens", read),
            CacheRead::HitTokens => {
                top("prompt_cache_hit_tokens", read);
                top("prompt_cache_miss_tokens", usage.input - read);
            }
            CacheRead::TopLikeAnthropic => top("cache_read_input_tokens", read),
            CacheRead::Details | CacheRead::DetailsSingular => {}
        }
        if matches!(self.write, CacheWrite::TopLikeAnthropic | CacheWrite::DetailsAndTop) {
            top("cache_creation_input_tokens", write);
        }
        if matches!(self.reasoning, ReasoningTokens::Top | ReasoningTokens::TopAndDetails) {
            top("reasoning_tokens", reasoning);
        }
        let in_details = matches!(
            self.read,
            CacheRead::Details | CacheRead::TopAndDetails | CacheRead::DetailsSingular
        );
        let write_name = match self.write {
            CacheWrite::WriteTokens => Some("cache_write_tokens"),
            CacheWrite::CreationInputTokens | CacheWrite::DetailsAndTop => {
                Some("cache_creation_input_tokens")
            }
            CacheWrite::CreationTokens => Some("cache_creation_tokens"),
            CacheWrite::TopLikeAnthropic => None,
        };
        let prompt = [
            Some(("cached_tokens", read)).filter(|_| in_details),
            write_name.map(|name| (name, write)),
        ];
        let name = match self.read {
            CacheRead::DetailsSingular => "prompt_token_details",
            _ => "prompt_tokens_details",
        };
        self.details(name, &prompt, &mut json);
        let completion = Some(("reasoning_tokens", reasoning))
            .filter(|_| self.reasoning != ReasoningTokens::Top);
        self.details("completion_tokens_details", &[completion], &mut json);
        json
    }

    /// Adds an object of details.
    fn details(self, name: &str, parts: &[Option<(&str, u64)>], json: &mut Json) {
        let parts: Vec<_> = parts.iter().flatten().collect();
        let any = parts.iter().any(|(_, count)| *count > 0);
        let details = match self.details {
            NoDetails::Zeros => {
                counts(&parts.iter().map(|it| (it.0, Some(it.1))).collect::<Vec<_>>())
            }
            _ if any => counts(&parts.iter().map(|it| (it.0, some(it.1))).collect::<Vec<_>>()),
            NoDetails::Absent => return,
            NoDetails::Null => Json::NULL,
            NoDetails::Empty => Json::object([]),
        };
        json.add(name, details);
    }
}

/// The names of the Responses API.
pub fn input_output(usage: Counts) -> Json {
    counts(&[
        ("input_tokens", Some(usage.input)),
        ("output_tokens", Some(usage.output)),
        ("total_tokens", Some(usage.total())),
    ])
    .with(
        "input_tokens_details",
        counts(&[("cached_tokens", Some(usage.read)), ("cache_write_tokens", some(usage.write))]),
    )
    .with("output_tokens_details", counts(&[("reasoning_tokens", Some(usage.reasoning))]))
}
