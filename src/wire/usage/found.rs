use std::{borrow::Cow, collections::BTreeMap};

use serde_json::Value;

use super::{Details, figure::Figure};
use crate::wire::json::Count;

/// The rank of an input that includes cached tokens for certain, and of an output that excludes reasoning.
pub(super) const FIRST: u8 = 0;
/// The rank of a cache count that stands beside an input that may exclude it.
pub(super) const BESIDE: u8 = 8;

#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) input: Figure,
    /// The tokens of tool results, if they are counted apart.
    pub(super) tool_input: Figure,
    pub(super) output: Figure,
    pub(super) total: Figure,
    pub(super) read: Figure,
    pub(super) write: Figure,
    pub(super) reasoning: Figure,
    pub(super) writes: BTreeMap<Box<str>, u64>,
    /// The writes by lifetime stand beside an input that may exclude them.
    pub(super) writes_beside: bool,
    pub(super) tier: Option<Box<str>>,
    /// The tier as Vertex AI has it: the traffic type.
    pub(super) traffic: Option<Box<str>>,
    pub(super) details: Details,
}

impl Found {
    /// The table of names, after the documentation of the vendors and recorded answers: in snake case, whichever case
    /// they are sent in.
    pub(super) fn member(&mut self, name: &str, value: &Value) {
        match name {
            // OpenAI's Chat Completions and its dialects, Gemini, Titan, Llama on Bedrock, Gemini Interactions, Ollama,
            // llama.cpp: with cached tokens.
            "prompt_tokens"
            | "num_prompt_tokens"
            | "prompt_token_count"
            | "input_text_token_count"
            | "total_input_tokens"
            | "prompt_eval_count"
            | "tokens_evaluated"
            | "input_length" => {
                self.input.put(FIRST, value);
            }
            // OpenAI's Responses: with them. Anthropic, Bedrock, llama.cpp's timings: without those that stand beside.
            "input_tokens" | "input_token_count" | "prompt_n" => self.input.put(1, value),
            // Gemini, Gemini Interactions, Mistral.
            "tool_use_prompt_token_count" | "total_tool_use_tokens" | "connector_tokens" => {
                self.tool_input.put(FIRST, value);
            }
            // Gemini: without reasoning.
            "candidates_token_count" | "response_token_count" | "total_output_tokens" => {
                self.output.put(FIRST, value);
            }
            // The others: with it, except for xAI, whose total says so.
            "completion_tokens"
            | "num_completion_tokens"
            | "output_tokens"
            | "output_token_count"
            | "generation_token_count"
            | "total_output_text_token_count"
            | "eval_count"
            | "tokens_predicted"
            | "predicted_n"
            | "generated_token_count"
            | "generated_tokens" => self.output.put(1, value),
            "total_tokens" | "total_token_count" | "num_total_tokens" => {
                self.total.put(FIRST, value);
            }
            // DeepSeek, Moonshot, Mistral, Gemini, AI SDKs.
            "prompt_cache_hit_tokens"
            | "cached_tokens"
            | "num_cached_tokens"
            | "cached_content_token_count"
            | "cached_input_tokens"
            | "total_cached_tokens" => {
                self.read.put(1, value);
            }
            "cache_read_input_tokens" | "cache_read_input_token_count" | "cache_n" => {
                self.read.put(BESIDE, value);
            }
            "cache_write_tokens" | "cache_creation_tokens" => self.write.put(1, value),
            "cache_creation_input_tokens"
            | "cache_write_input_tokens"
            | "cache_write_input_token_count" => self.write.put(BESIDE, value),
            // SGLang, Perplexity, Gemini, AI SDKs.
            "reasoning_tokens" | "thoughts_token_count" | "total_thought_tokens" => {
                self.reasoning.put(1, value);
            }
            "prompt_tokens_details"
            | "prompt_token_details"
            | "input_tokens_details"
            | "input_token_details" => {
                each(value, |name, value| self.input_detail(name, value));
            }
            "completion_tokens_details"
            | "completion_token_details"
            | "output_tokens_details"
            | "output_token_details" => each(value, |name, value| {
                if let "reasoning_tokens" | "thinking_tokens" = name {
                    self.reasoning.put(FIRST, value);
                }
            }),
            // Cohere: the tokens that the model read and wrote; those that are billed are fewer.
            "tokens" => self.cohere(1, value),
            "billed_units" => self.cohere(2, value),
            "cache_creation" => {
                self.writes_beside = true;
                self.lifetimes(value);
            }
            "cache_details" => {
                self.writes_beside = true;
                for detail in value.as_array().into_iter().flatten() {
                    if let Some(lifetime) = detail["ttl"].as_str() {
                        self.written(lifetime, &detail["inputTokens"]);
                    }
                }
            }
            "service_tier" => {
                let tier = value.as_str().or_else(|| value["type"].as_str());
                self.tier = tier.map(Into::into);
            }
            "traffic_type" => self.traffic = traffic_tier(value),
            _ => {}
        }
    }

    fn cohere(&mut self, rank: u8, value: &Value) {
        self.input.put(rank, &value["input_tokens"]);
        self.output.put(rank, &value["output_tokens"]);
    }

    fn input_detail(&mut self, name: &str, value: &Value) {
        match name {
            "cached_tokens" | "cache_read_tokens" | "cache_read_input_tokens" => {
                self.read.put(FIRST, value);
            }
            "cache_write_tokens" | "cache_creation_tokens" | "cache_creation_input_tokens" => {
                self.write.put(FIRST, value);
            }
            "cache_creation" | "cache_write_tokens_details" | "cache_creation_token_details" => {
                self.lifetimes(value);
            }
            _ => {}
        }
    }

    /// Reads `ephemeral_5m_input_tokens` or `ttl_30m_tokens`.
    fn lifetimes(&mut self, value: &Value) {
        each(value, |name, value| {
            let lifetime = name
                .strip_prefix("ephemeral_")
                .and_then(|rest| rest.strip_suffix("_input_tokens"))
                .or_else(|| name.strip_prefix("ttl_")?.strip_suffix("_tokens"));
            if let Some(lifetime) = lifetime {
                self.written(lifetime, value);
            }
        });
    }

    fn written(&mut self, lifetime: &str, value: &Value) {
        if let Some(tokens) = Count::of(value)
            && self.writes.len() < 8
        {
            self.writes.insert(lifetime.into(), tokens);
        }
    }
}

/// Returns the tier that a traffic type of Vertex AI's says: `ON_DEMAND_FLEX` is `flex`. `ON_DEMAND` alone is no tier.
///
/// Source: `TrafficType` in `google/cloud/aiplatform/v1/usage_metadata.proto`.
fn traffic_tier(value: &Value) -> Option<Box<str>> {
    let traffic = match value.as_u64() {
        Some(2) => "PROVISIONED_THROUGHPUT",
        Some(3) => "ON_DEMAND_PRIORITY",
        Some(4) => "ON_DEMAND_FLEX",
        _ => value.as_str()?,
    };
    let tier = traffic.strip_prefix("ON_DEMAND").unwrap_or(traffic).trim_start_matches('_');
    let tier = tier.to_ascii_lowercase();
    (!tier.is_empty() && !tier.ends_with("unspecified")).then(|| tier.into())
}

fn each(value: &Value, mut each: impl FnMut(&str, &Value)) {
    for (name, value) in value.as_object().into_iter().flatten() {
        each(&snake_case(name), value);
    }
}

/// Returns `inputTokens` as `input_tokens`.
pub(super) fn snake_case(name: &str) -> Cow<'_, str> {
    if !name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Borrowed(name);
    }
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    Cow::Owned(snake)
}
