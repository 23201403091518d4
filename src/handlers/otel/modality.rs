//! Tokens by modality, as far as a provider reports them.

use serde_json::Value;

/// A count of tokens of one modality.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ModalTokens {
    pub(super) modality: &'static str,
    /// What is counted: one of the names in [`KINDS`].
    pub(super) kind: &'static str,
    pub(super) tokens: u64,
}

const MODALITIES: [&str; 4] = ["text", "image", "audio", "video"];

/// What is counted, by its name in attributes, and where OpenAI's interfaces, and Gemini, report it.
const KINDS: [(&str, &[&str]); 3] = [
    (
        "input_tokens",
        &[
            "prompt_tokens_details",
            "input_tokens_details",
            "input_token_details",
            "promptTokensDetails",
        ],
    ),
    ("cache_read.input_tokens", &["cached_tokens_details", "cacheTokensDetails"]),
    (
        "output_tokens",
        &[
            "completion_tokens_details",
            "output_tokens_details",
            "output_token_details",
            "candidatesTokensDetails",
            "responseTokensDetails",
        ],
    ),
];

/// Returns the counts in a provider's usage object that are not 0.
pub(super) fn by_modality(usage: Option<&Value>) -> Vec<ModalTokens> {
    let mut all = Vec::new();
    let Some(usage) = usage else { return all };
    let input = KINDS[0].1.iter().find_map(|name| usage.get(name));
    for (kind, names) in KINDS {
        // The details of cached tokens are within those of the input, or beside them.
        let within = |name: &&&str| usage.get(**name).or_else(|| input?.get(**name));
        let Some(details) = names.iter().find_map(|name| within(&name)) else { continue };
        for modality in MODALITIES {
            let tokens = match details {
                Value::Array(entries) => {
                    let is = |entry: &&Value| {
                        entry["modality"]
                            .as_str()
                            .is_some_and(|it| it.eq_ignore_ascii_case(modality))
                    };
                    entries.iter().find(is).and_then(|entry| entry["tokenCount"].as_u64())
                }
                details => details.get(format!("{modality}_tokens")).and_then(Value::as_u64),
            };
            if let Some(tokens) = tokens.filter(|tokens| *tokens > 0) {
                all.push(ModalTokens { modality, kind, tokens });
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_providers_details_are_read() {
        let of = |usage: Value| -> Vec<String> {
            let all = by_modality(Some(&usage)).into_iter();
            all.map(|it| format!("{}.{} {}", it.modality, it.kind, it.tokens)).collect()
        };
        let chat = json!({
            "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 10, "image_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 1, "audio_tokens": 20, "text_tokens": 7},
        });
        let expected = ["audio.input_tokens 10", "text.output_tokens 7", "audio.output_tokens 20"];
        assert_eq!(of(chat), expected);
        let realtime = json!({
            "input_token_details": {"text_tokens": 3, "cached_tokens_details": {"text_tokens": 2}},
        });
        assert_eq!(of(realtime), ["text.input_tokens 3", "text.cache_read.input_tokens 2"]);
        let gemini = json!({
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 5}, {"modality": "VIDEO", "tokenCount": 6}],
            "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 4}],
            "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 9}],
        });
        let expected = [
            "text.input_tokens 5",
            "video.input_tokens 6",
            "text.cache_read.input_tokens 4",
            "image.output_tokens 9",
        ];
        assert_eq!(of(gemini), expected);
        for odd in [json!(null), json!([]), json!({"prompt_tokens_details": "9"})] {
            assert_eq!(of(odd), Vec::<String>::new());
        }
    }
}
