//! The token counts of an answer, under every name that providers and gateways give them.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::{Map, Value};

use super::{
    json::{self, Count},
    usage_details::{self, Details},
};
use crate::event::{Delta, Usage};

/// Emits the usage of an answer, unless the object has no values. Some providers state the service tier beside it.
pub(in crate::wire) fn emit(
    raw: Map<String, Value>,
    tier: Option<&str>,
    each: &mut dyn FnMut(Delta<'_>),
) {
    emit_with(raw, tier, Details::new(), each);
}

/// Emits the usage of an answer that says beside its usage object what else is charged.
pub(in crate::wire) fn emit_with(
    raw: Map<String, Value>,
    tier: Option<&str>,
    beside: Details,
    each: &mut dyn FnMut(Delta<'_>),
) {
    if raw.values().any(|value| !value.is_null()) {
        let mut usage = read(&raw);
        usage.details.extend(beside);
        if let (None, Some(tier)) = (&usage.service_tier, tier) {
            usage.service_tier = Some(tier.into());
        }
        each(Delta::Usage { usage, raw: Some(Cow::Owned(Value::Object(raw))) });
    }
}

/// Returns the usage that an answer reports in the place where another API has it: Gemini's metadata, or the timings and
/// counts of llama.cpp. `None` if it has no counts.
///
/// Source of the latter: `timings_per_token` and the result of `/completion` in llama.cpp's `tools/server/README.md`.
pub(in crate::wire) fn elsewhere(json: &str) -> Option<Map<String, Value>> {
    let Value::Object(mut answer) = json::value(json)? else { return None };
    let [metadata, other_case, mut llama] =
        ["usageMetadata", "usage_metadata", "timings"].map(|name| match answer.remove(name) {
            Some(Value::Object(counts)) => counts,
            _ => Map::new(),
        });
    let counts = ["tokens_evaluated", "tokens_predicted"];
    llama.extend(counts.into_iter().filter_map(|name| answer.remove_entry(name)));
    [metadata, other_case, llama].into_iter().find(|counts| read(counts).is_known())
}

/// Normalizes the counts of a usage object. A count without a value is `None`.
pub(crate) fn read(raw: &Map<String, Value>) -> Usage {
    let mut found = Found::default();
    for (name, value) in raw {
        let name = snake_case(name);
        found.member(&name, value);
        usage_details::member(&mut found.details, &name, value);
    }
    found.usage()
}

/// A count that may stand under several names: the first one by rank that is not 0.
#[derive(Debug, Default)]
struct Figure(Option<(u8, u64)>);

impl Figure {
    fn put(&mut self, rank: u8, value: &Value) {
        let Some(count) = Count::of(value) else { return };
        let better = self.0.is_none_or(|(known, before)| {
            if (before == 0) == (count == 0) { rank < known } else { before == 0 }
        });
        if better {
            self.0 = Some((rank, count));
        }
    }

    fn get(&self) -> Option<u64> {
        self.0.map(|(_, count)| count)
    }

    fn rank(&self) -> Option<u8> {
        self.0.map(|(rank, _)| rank)
    }
}

/// The rank of an input that includes cached tokens for certain, and of an output that excludes reasoning.
const FIRST: u8 = 0;
/// The rank of a cache count that stands beside an input that may exclude it.
const BESIDE: u8 = 8;

#[derive(Debug, Default)]
struct Found {
    input: Figure,
    /// The tokens of tool results, if they are counted apart.
    tool_input: Figure,
    output: Figure,
    total: Figure,
    read: Figure,
    write: Figure,
    reasoning: Figure,
    writes: BTreeMap<Box<str>, u64>,
    /// The writes by lifetime stand beside an input that may exclude them.
    writes_beside: bool,
    tier: Option<Box<str>>,
    /// The tier as Vertex AI has it: the traffic type.
    traffic: Option<Box<str>>,
    details: Details,
}

impl Found {
    /// The table of names, after the documentation of the vendors and recorded answers: in snake case, whichever case
    /// they are sent in.
    fn member(&mut self, name: &str, value: &Value) {
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

    /// Returns how much of the input is sound, pictures and films.
    fn media_input(&self) -> u64 {
        let media = ["input_audio_tokens", "input_image_tokens", "input_video_tokens"];
        media
            .iter()
            .filter_map(|name| self.details.get(*name))
            .fold(0, |sum, &n| sum.saturating_add(n))
    }

    fn usage(self) -> Usage {
        let (total, reasoning) = (self.total.get(), self.reasoning.get());
        let by_lifetime = self.writes.values().copied().reduce(u64::saturating_add);
        let (read, write) = (self.read.get(), self.write.get().or(by_lifetime));
        let add = |count: u64, more: Option<u64>| count.saturating_add(more.unwrap_or(0));
        let cached = add(add(0, read), write);
        let (sent, answered) = (self.input.get(), self.output.get());
        let input = sent.map(|input| {
            let input = add(input, self.tool_input.get());
            let media = self.media_input();
            // Mistral counts sound beside the prompt. A part of the input explains what the total has beyond both counts,
            // or is larger than the whole.
            let beside = match total {
                Some(total) => media > 0 && total == add(input, answered).saturating_add(media),
                None => media > input,
            };
            let input = if beside { input.saturating_add(media) } else { input };
            let all = add(input, answered);
            // The total decides, else the names. Neither makes a part larger than the whole.
            let excludes = match total {
                _ if cached > input => true,
                Some(total) if total == all => false,
                Some(total) if cached > 0 && total == all.saturating_add(cached) => true,
                _ => {
                    let beside = [self.read.rank(), self.write.rank()].contains(&Some(BESIDE))
                        || self.write.get().is_none() && self.writes_beside;
                    beside && self.input.rank() != Some(FIRST)
                }
            };
            if excludes { input.saturating_add(cached) } else { input }
        });
        let output = answered.map(|output| {
            let thought = reasoning.unwrap_or(0);
            let inputs = [input, sent].map(|input| add(output, input));
            // The total decides, else the names. Reasoning that is counted by another tokenizer may be a little larger
            // than the output that includes it.
            // Perplexity counts reasoning beside the output, and has neither reasoning nor citations in its total.
            let cites = self.details.contains_key("output_citation_tokens");
            let excludes = match total {
                _ if thought / 2 > output || cites => true,
                Some(total) if inputs.contains(&total) => false,
                Some(total) if inputs.map(|all| all.saturating_add(thought)).contains(&total) => {
                    true
                }
                _ => thought > output || self.output.rank() == Some(FIRST),
            };
            if excludes { output.saturating_add(thought) } else { output }
        });
        // Gemini omits the count of an answer that is all reasoning.
        let output = output.or(reasoning);
        // One is what the total has beside the other.
        let rest = |known: Option<u64>| Some(total?.checked_sub(known?)?).filter(|rest| *rest > 0);
        let (input, output) = (input.or_else(|| rest(output)), output.or_else(|| rest(input)));
        let mut usage =
            Usage::new(input, output).total(total).cached(read, write).reasoning(reasoning);
        usage.cache_writes = self.writes;
        usage.service_tier = self.tier.or(self.traffic).map(Into::into);
        usage.details = self.details;
        usage
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
fn snake_case(name: &str) -> Cow<'_, str> {
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
