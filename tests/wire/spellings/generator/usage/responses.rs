//! The usage of the Responses API.

use super::{
    super::{
        answer::Counts,
        choices::{Axis, Choices, axis},
        json::Json,
    },
    counts, openai, some,
};

axis! {
    ResponsesUsageNames {
        Responses,
        Chat,
        /// Details with the names of the Realtime API.
        Singular,
        WithoutTotal,
        ReasoningAtTheTop,
        CachedAtTheTop,
    }
}

pub fn json(usage: Counts, choices: &mut Choices<'_>) -> Json {
    let three = |input, output, total| {
        counts(&[
            (input, Some(usage.input)),
            (output, Some(usage.output)),
            (total, Some(usage.total())),
        ])
    };
    let io = || three("input_tokens", "output_tokens", "total_tokens");
    let cached = || {
        counts(&[("cached_tokens", Some(usage.read)), ("cache_write_tokens", some(usage.write))])
    };
    let reasoning = || counts(&[("reasoning_tokens", Some(usage.reasoning))]);
    match choices.axis() {
        ResponsesUsageNames::Responses => openai::input_output(usage),
        ResponsesUsageNames::Chat => {
            let json = three("prompt_tokens", "completion_tokens", "total_tokens");
            json.with("prompt_tokens_details", cached())
                .with("completion_tokens_details", reasoning())
        }
        ResponsesUsageNames::Singular => {
            io().with("input_token_details", cached()).with("output_token_details", reasoning())
        }
        ResponsesUsageNames::WithoutTotal => {
            let two = [("input_tokens", Some(usage.input)), ("output_tokens", Some(usage.output))];
            counts(&two)
                .with("input_tokens_details", cached())
                .with("output_tokens_details", reasoning())
        }
        ResponsesUsageNames::ReasoningAtTheTop => io()
            .with("input_tokens_details", cached())
            .with("reasoning_tokens", Json::Count(usage.reasoning)),
        ResponsesUsageNames::CachedAtTheTop => {
            let written = counts(&[("cache_write_tokens", some(usage.write))]);
            io().with("cached_tokens", Json::Count(usage.read))
                .with("input_tokens_details", written)
                .with("output_tokens_details", reasoning())
        }
    }
}
