//! The usage of Gemini, whose output excludes reasoning.

use super::{
    super::{
        answer::Counts,
        choices::{Axis, Choices, axis},
        json::Json,
    },
    counts, some,
};

axis! {
    GeminiUsage {
        Plain,
        /// Part of the input is apart: what tools brought in.
        ToolTokensApart,
        /// The name of the Live API.
        ResponseTokens,
        WithoutTotal,
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Usage(GeminiUsage);

impl Usage {
    pub fn new(choices: &mut Choices<'_>) -> Self {
        Self(choices.axis())
    }

    pub fn json(self, usage: Counts) -> Json {
        let tools = if self.0 == GeminiUsage::ToolTokensApart { usage.input / 4 } else { 0 };
        let output = match self.0 {
            GeminiUsage::ResponseTokens => "responseTokenCount",
            _ => "candidatesTokenCount",
        };
        let total = Some(usage.total()).filter(|_| self.0 != GeminiUsage::WithoutTotal);
        counts(&[
            ("promptTokenCount", Some(usage.input - tools)),
            ("toolUsePromptTokenCount", some(tools)),
            ("cachedContentTokenCount", some(usage.read)),
            (output, Some(usage.output - usage.reasoning)),
            ("thoughtsTokenCount", some(usage.reasoning)),
            ("totalTokenCount", total),
        ])
    }
}
