//! Token usage.

use super::*;

fn decoded(raw: &Value) -> Usage {
    let all = events([json!({"choices": [], "usage": raw})]);
    let [Delta::Usage { usage, raw: Some(decoded) }] = &all[..] else { panic!("{all:?}") };
    assert_eq!(&**decoded, raw);
    usage.clone()
}

fn total(mut usage: Usage, total: u64) -> Usage {
    usage.total_tokens = Some(total);
    usage
}

#[test]
fn usage_counts_of_all_dialects() {
    let sound = |mut usage: Usage| {
        usage.details.insert("input_audio_tokens".into(), 375);
        usage
    };
    for (raw, expected) in [
        (
            json!({"prompt_tokens": 10, "completion_tokens": 7, "total_tokens": 17,
                "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 5, "audio_tokens": 0}}),
            Usage::new(10, 7).cached(4, 3).reasoning(5),
        ),
        // Writer's field name.
        (
            json!({"prompt_tokens": 10, "completion_tokens": 7, "prompt_token_details": {"cached_tokens": 4},
                "completion_tokens_details": null}),
            Usage::new(10, 7).cached(4, None),
        ),
        // DeepSeek's field names.
        (
            json!({"prompt_tokens": 10, "completion_tokens": 7, "total_tokens": 17,
                "prompt_cache_hit_tokens": 8, "prompt_cache_miss_tokens": 2}),
            Usage::new(10, 7).cached(8, None),
        ),
        (
            json!({"prompt_tokens": 10, "prompt_cache_hit_tokens": 8, "prompt_tokens_details": {"cached_tokens": 8}}),
            Usage::new(10, None).cached(8, None),
        ),
        // The provider's total is used.
        (
            json!({"prompt_tokens": 10, "completion_tokens": 7, "total_tokens": 20}),
            total(Usage::new(10, 7), 20),
        ),
        (json!({"total_tokens": 20}), total(Usage::default(), 20)),
        // What it has beside one count is the other.
        (json!({"completion_tokens": 4, "total_tokens": 1004}), Usage::new(1000, 4)),
        (json!({"prompt_tokens": 1000, "total_tokens": 1004}), Usage::new(1000, 4)),
        (json!({"prompt_tokens": 5, "total_tokens": 5}), total(Usage::new(5, None), 5)),
        // Mistral's sound is beside the prompt: "Audio & Transcription" in its documentation.
        (
            json!({"prompt_audio_seconds": 30, "prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 379,
                "prompt_tokens_details": {"audio_tokens": 375, "cached_tokens": 0}}),
            sound(Usage::new(378, 1).cached(0, None)),
        ),
        (
            json!({"prompt_tokens": 3, "completion_tokens": 1, "prompt_tokens_details": {"audio_tokens": 375}}),
            sound(Usage::new(378, 1)),
        ),
        // A total that the sound does not explain has more than both.
        (
            json!({"prompt_tokens": 400, "completion_tokens": 1, "total_tokens": 900,
                "prompt_tokens_details": {"audio_tokens": 375}}),
            sound(total(Usage::new(400, 1), 900)),
        ),
        // xAI does not include reasoning tokens in the completion.
        (
            json!({"prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 135,
                "completion_tokens_details": {"reasoning_tokens": 94}}),
            Usage::new(32, 103).reasoning(94),
        ),
        // OpenRouter's reasoning tokens may exceed the completion tokens that include them.
        (
            json!({"prompt_tokens": 43, "completion_tokens": 10, "total_tokens": 53,
                "completion_tokens_details": {"reasoning_tokens": 11}}),
            Usage::new(43, 10).reasoning(11),
        ),
        // Perplexity's deep research counts it apart, and not in the total.
        (
            json!({"prompt_tokens": 33, "completion_tokens": 7, "total_tokens": 40, "reasoning_tokens": 73}),
            total(Usage::new(33, 80).reasoning(73), 40),
        ),
        // Proxies that translate Claude's usage: cached tokens are part of the input, so it cannot be smaller.
        (
            json!({"prompt_tokens": 21, "completion_tokens": 9, "total_tokens": 30,
                "prompt_tokens_details": {"cached_tokens": 18000}}),
            total(Usage::new(18021, 9).cached(18000, None), 30),
        ),
        // AI SDKs.
        (json!({"promptTokens": 10, "completionTokens": 7, "totalTokens": 17}), Usage::new(10, 7)),
        (
            json!({"prompt_tokens": "10", "completion_tokens": -3, "total_tokens": null,
                "prompt_tokens_details": [], "completion_tokens_details": {"reasoning_tokens": [1]}}),
            Usage::new(10, None),
        ),
        (
            json!({"prompt_tokens": u64::MAX, "completion_tokens": 1, "completion_tokens_details":
                {"reasoning_tokens": u64::MAX}}),
            Usage::new(u64::MAX, u64::MAX).reasoning(u64::MAX),
        ),
    ] {
        assert_eq!(decoded(&raw), expected, "{raw}");
    }
}

#[test]
fn usage_is_emitted_on_any_chunk() {
    let usage_counts_of_all_dialects =
        |count: u64| json!({"prompt_tokens": count, "completion_tokens": count});
    let with = |mut chunk: Value, key: &str, value: Value| {
        chunk[key] = value;
        chunk
    };
    let all = with_done([
        with(text(0, "a"), "usage", usage_counts_of_all_dialects(1)),
        with(text(0, "b"), "usage", Value::Null),
        with(last(0, "stop"), "usage", usage_counts_of_all_dialects(2)),
        with(json!({"choices": []}), "usage", usage_counts_of_all_dialects(3)),
        // A chunk after the usage.
        with(json!({"choices": [], "moderation": {}}), "usage", Value::Null),
        // Without choices.
        json!({"usage": usage_counts_of_all_dialects(4)}),
        done(),
    ]);
    let decoded = |count: u64| usage(Usage::new(count, count), usage_counts_of_all_dialects(count));
    let expected = [
        Delta::text("a"),
        decoded(1),
        Delta::text("b"),
        Delta::finish("stop"),
        decoded(2),
        decoded(3),
        decoded(4),
        Delta::Done,
    ];
    assert_eq!(all, expected);
}

#[test]
fn groqs_usage_is_emitted() {
    let usage_counts_of_all_dialects =
        json!({"queue_time": 0.1, "prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7});
    let decoded = usage(Usage::new(3, 4), usage_counts_of_all_dialects.clone());
    let all = with_done([
        json!({"choices": [], "x_groq": {"id": "req_1", "usage": usage_counts_of_all_dialects}}),
        json!({"choices": [], "usage": usage_counts_of_all_dialects, "x_groq": {"usage": usage_counts_of_all_dialects}}),
        done(),
    ]);
    assert_eq!(all, [decoded.clone(), decoded, Delta::Done]);
}

/// Cache writes by lifetime stand beside an input without them, as their sum does.
#[test]
fn writes_by_lifetime_are_part_of_the_input() {
    let lifetimes = json!({"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 2});
    for (raw, input) in [
        (json!({"input_tokens": 10, "output_tokens": 1, "cache_creation": lifetimes}), 13),
        (
            json!({"inputTokens": 7, "outputTokens": 1, "cacheDetails": [{"ttl": "5m", "inputTokens": 3}]}),
            10,
        ),
        (json!({"input_tokens": 10, "input_tokens_details": {"cache_creation": lifetimes}}), 10),
    ] {
        let usage = decoded(&raw);
        assert_eq!((usage.input_tokens, usage.cache_write_tokens), (Some(input), Some(3)), "{raw}");
    }
}
