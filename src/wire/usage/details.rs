//! The counts of a usage object that have prices of their own: media, citations, searches.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::wire::json::Count;

/// The counts by their names in [`Usage::details`](crate::Usage::details), where they are larger than 0.
pub(in crate::wire) type Details = BTreeMap<Box<str>, u64>;

/// `Modality` from 1, after `google/ai/generativelanguage/v1beta/generative_service.proto`.
const MODALITIES: [&str; 5] = ["text", "image", "video", "audio", "document"];

/// Reads a member of a usage object, whose name is in snake case.
pub(in crate::wire) fn member(details: &mut Details, name: &str, value: &Value) {
    match name {
        // OpenAI's: an object. Gemini's: a list.
        "prompt_tokens_details"
        | "prompt_token_details"
        | "input_tokens_details"
        | "input_token_details"
        | "input_tokens_by_modality"
        | "tool_use_prompt_tokens_details"
        | "tool_use_tokens_by_modality" => {
            media(details, ["input_", "_tokens"], value);
            media(details, ["cache_", "_read_tokens"], &value["cached_tokens_details"]);
        }
        "cache_tokens_details" | "cached_tokens_by_modality" => {
            media(details, ["cache_", "_read_tokens"], value);
        }
        "completion_tokens_details"
        | "completion_token_details"
        | "output_tokens_details"
        | "output_token_details"
        | "candidates_tokens_details"
        | "response_tokens_details"
        | "output_tokens_by_modality" => media(details, ["output_", "_tokens"], value),
        // Perplexity: beside the output.
        "citation_tokens" => add(details, "output_citation_tokens", value),
        "num_search_queries" => add(details, "web_searches", value),
        "tool_calls_details" => add(details, "web_searches", &value["search_web"]["invocation"]),
        // Anthropic, OpenRouter.
        "server_tool_use" => add(details, "web_searches", &value["web_search_requests"]),
        // Gemini Interactions: `[{"type": "google_search", "count": 3}]`.
        "grounding_tool_count" => {
            for tool in value.as_array().into_iter().flatten() {
                match tool["type"].as_str() {
                    Some("google_search") => add(details, "web_searches", &tool["count"]),
                    _ => add(details, "other_searches", &tool["count"]),
                }
            }
        }
        // xAI, which charges for both.
        "num_sources_used" => add(details, "search_sources", value),
        "num_server_side_tools_used" => add(details, "server_tool_calls", value),
        // OpenAI's Responses, beside `usage`: `{"web_search": {"num_requests": 3}, "image_gen": {"input_tokens": 500, …}}`.
        //
        // Source: `ToolUsage` in `types/responses/response.py` of OpenAI's SDK.
        "tool_usage" => {
            add(details, "web_searches", &value["web_search"]["num_requests"]);
            for tokens in ["input_tokens", "output_tokens"] {
                add(details, "image_generation_tokens", &value["image_gen"][tokens]);
            }
        }
        _ => {}
    }
}

/// Reads the tokens of each medium but text: `{"audio_tokens": 5}`, `[{"modality": "AUDIO", "tokenCount": 5}]`.
fn media(details: &mut Details, [before, after]: [&str; 2], value: &Value) {
    let mut add = |medium: &str, count: &Value| {
        // Google counts the pages of documents as pictures.
        let medium = if medium.eq_ignore_ascii_case("document") { "image" } else { medium };
        let known = ["audio", "image", "video"].into_iter();
        for known in known.filter(|known| known.eq_ignore_ascii_case(medium)) {
            add(details, &format!("{before}{known}{after}"), count);
        }
    };
    for (name, count) in value.as_object().into_iter().flatten() {
        let medium = name.strip_suffix("_tokens").or_else(|| name.strip_suffix("Tokens"));
        add(medium.unwrap_or_default(), count);
    }
    for item in value.as_array().into_iter().flatten() {
        let number = || usize::try_from(item["modality"].as_u64()?).ok()?.checked_sub(1);
        let medium = item["modality"].as_str();
        let medium = medium.or_else(|| MODALITIES.get(number()?).copied()).unwrap_or_default();
        for name in ["tokenCount", "token_count", "tokens"] {
            add(medium, &item[name]);
        }
    }
}

fn add(details: &mut Details, name: &str, count: &Value) {
    if let Some(count @ 1..) = Count::of(count) {
        let sum = details.entry(name.into()).or_default();
        *sum = sum.saturating_add(count);
    }
}
