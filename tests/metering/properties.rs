use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tower_llm_callbacks::{
    Delta, LlmStart, Prompt, Usage,
    estimate::{
        Answer, AnswerCount, RequestCount, ToolChoice, UsageEstimator, WordCount, WordEstimator,
    },
    event::{Accumulator, UsageGap},
};

fn words(text: &str) -> f64 {
    let mut count = WordCount::new();
    count.push(text);
    count.tokens()
}

/// Any JSON, with the names that requests have.
fn any_json() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        Just("content".to_owned()),
        Just("type".to_owned()),
        Just("tools".to_owned()),
        Just("function".to_owned()),
        Just("parameters".to_owned()),
        Just("source".to_owned()),
        Just("document".to_owned()),
        Just("input".to_owned()),
        Just("functionDeclarations".to_owned()),
        Just("text".to_owned()),
        Just("format".to_owned()),
        ".{0,6}",
    ];
    let text = prop_oneof![
        Just("image".to_owned()),
        Just("tool_use".to_owned()),
        Just("base64".to_owned()),
        ".{0,12}"
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn the_sum_does_not_depend_on_how_the_text_is_cut(text in "[a-zA-Zäłñ0-9 .,\n\t{}\":_жあ中한é]{0,80}|.{0,60}", cuts in prop::collection::vec(0_usize..400, 0..6)) {
        let mut cuts: Vec<usize> = cuts.into_iter().filter(|&at| text.is_char_boundary(at.min(text.len()))).map(|at| at.min(text.len())).collect();
        cuts.sort_unstable();
        let (mut count, mut answer, mut arguments) = (WordCount::new(), AnswerCount::default(), AnswerCount::default());
        let (mut whole, mut whole_arguments) = (AnswerCount::default(), AnswerCount::default());
        let mut from = 0;
        for at in cuts.into_iter().chain([text.len()]) {
            count.push(&text[from..at]);
            answer.text(&text[from..at]);
            arguments.arguments(&text[from..at]);
            from = at;
        }
        whole.text(&text);
        whole_arguments.arguments(&text);
        prop_assert_eq!(count.tokens(), words(&text));
        prop_assert_eq!(answer.words(), whole.words());
        prop_assert_eq!((arguments.words(), arguments.parameters()), (whole_arguments.words(), whole_arguments.parameters()));
        prop_assert!((answer.words() - count.tokens()).abs() < 1e-6);
    }

    #[test]
    fn no_request_makes_an_estimate_panic(prompt in any_json(), params in any_json()) {
        let mut start = LlmStart::new("x", "y").model("claude-sonnet-4-5").messages(Prompt::json(prompt));
        if let Value::Object(params) = params {
            start.params = params;
        }
        let count = RequestCount::of(&start).unwrap();
        prop_assert!(count.text_words.is_finite() && count.text_words >= 0.0);
        prop_assert!(WordEstimator::new().input(&start).is_some());
    }

    #[test]
    fn a_longer_text_of_plain_words_has_no_fewer_tokens(texts in prop::collection::vec("[a-z]{1,9}[ .,]", 1..30)) {
        let (mut count, mut least) = (WordCount::new(), 0.0);
        for text in texts {
            count.push(&text);
            prop_assert!(count.tokens() >= least);
            least = count.tokens();
        }
    }

    #[test]
    fn absurd_reports_move_no_estimate_beyond_the_bounds(reports in prop::collection::vec((any::<u64>(), any::<u64>()), 1..60)) {
        let start = LlmStart::new("hostile", "chat").model("any").messages(Prompt::json(json!([{"role": "user", "content": "Tell me a long story about a fox, and about what it does all day long."}])));
        let mut answer = Accumulator::new();
        answer.delta(&Delta::text("There was a fox who slept all day long, and nobody knew what it did at night."));
        let result = answer.finish();
        let count = AnswerCount::of(&result);
        let estimator = WordEstimator::new();
        let answer = Answer::new(&result, &count).request(&start);
        let (cold_in, cold_out) = (estimator.input(&start).unwrap().tokens as f64, estimator.output(&answer).unwrap().tokens as f64);
        for (input, output) in reports {
            estimator.learn(&answer, &Usage::new(input, output));
        }
        let input = estimator.input(&start).unwrap().tokens as f64;
        let output = estimator.output(&answer).unwrap().tokens as f64;
        prop_assert!(output >= cold_out * 0.3 - 1.0 && output <= cold_out * 4.0 + 1.0, "{cold_out} became {output}");
        prop_assert!(input <= cold_in * 4.0 + 4_001.0, "{cold_in} became {input}");
    }
}

/// Each digit is a token of Gemini, and up to three are one of GPT.
#[test]
fn digits_count_by_the_family() {
    let tokens = |model: &str, text: &str| {
        let mut answer = Accumulator::new();
        answer.delta(&Delta::response("1", model));
        answer.delta(&Delta::text(text));
        let result = answer.finish();
        let count = AnswerCount::of(&result);
        let estimate = WordEstimator::new().output(&Answer::new(&result, &count)).unwrap();
        estimate.tokens as i64
    };
    for model in ["gemini-2.5-pro", "gemma3", "mistral-small"] {
        let more = |text| tokens(model, text) - tokens("gpt-4o", text);
        // Eight digits more than groups of three.
        assert!((4..=7).contains(&more("of 123456789012")), "{model}");
        assert!((0..=2).contains(&more("of 1 2 3")), "{model}");
    }
}

/// The prompt that a provider adds to a request that turns thinking on.
#[test]
fn thinking_costs_a_claude_a_prompt() {
    let tokens = |model: &str, param: &str, value: Value| {
        let messages = Prompt::json(json!([{"role": "user", "content": "What is 2 + 2?"}]));
        let start = LlmStart::new("anthropic", "messages").model(model).messages(messages);
        WordEstimator::new().input(&start.param(param, value)).unwrap().tokens
    };
    let on = || json!({"type": "enabled", "budget_tokens": 2_000});
    let plain = tokens("claude-sonnet-4-5", "max_tokens", json!(9));
    assert_eq!(tokens("claude-sonnet-4-5", "thinking", on()), plain + 29);
    let bedrock = json!({"thinking": on()});
    assert_eq!(tokens("claude-sonnet-4-5", "additionalModelRequestFields", bedrock), plain + 29);
    assert_eq!(tokens("claude-sonnet-4-5", "thinking", json!({"type": "disabled"})), plain);
    assert_eq!(tokens("gpt-4o", "thinking", on()), tokens("gpt-4o", "max_tokens", json!(9)));
}

#[test]
fn counts_are_small() {
    assert!(size_of::<WordCount>() <= 24, "{}", size_of::<WordCount>());
    assert!(size_of::<AnswerCount>() <= 56, "{}", size_of::<AnswerCount>());
}

#[test]
fn a_deep_request_costs_no_stack() {
    let on = |kib: usize| std::thread::Builder::new().stack_size(kib << 10);
    // A value itself is cloned and dropped by recursion.
    let counted = on(64 << 10).spawn(move || {
        let mut deep = Value::from("text");
        for _ in 0..3_000 {
            deep =
                Value::Array(vec![Value::Object(Map::from_iter([("content".to_owned(), deep)]))]);
        }
        let tool = Map::from_iter([
            ("name".to_owned(), "f".into()),
            ("parameters".to_owned(), deep.clone()),
        ]);
        let start = LlmStart::new("x", "y")
            .messages(Prompt::json(deep))
            .param("tools", Value::Array(vec![Value::Object(tool)]));
        start.messages.get();
        std::thread::scope(|scope| {
            let counting = on(128).spawn_scoped(scope, || RequestCount::of(&start).unwrap());
            counting.unwrap().join().unwrap()
        })
    });
    let counted = counted.unwrap().join().unwrap();
    assert_eq!((counted.text_words, counted.tools), (words("text"), 1));
}

/// One text, in a part whose words are long and one that is all signs.
#[test]
fn a_large_request_is_sampled() {
    let prose =
        "The quick brown fox jumps over the lazy dog, and nobody knows the reason why it does. "
            .repeat(4_000);
    let code = "if (x[i] != 0) { y += f(x[i]); }\n".repeat(4_000);
    let prompt = json!([{"role": "user", "content": prose}, {"role": "user", "content": code}]);
    let start = LlmStart::new("x", "y").messages(Prompt::json(prompt));
    let count = RequestCount::of(&start).unwrap();
    let exact = words(&prose) + words(&code);
    assert!((count.text_words / exact - 1.0).abs() < 0.03, "{} for {exact}", count.text_words);
}

#[test]
fn the_shapes_of_all_providers_are_read() {
    let count = |prompt: Value, params: Value| {
        let mut start = LlmStart::new("x", "y").messages(Prompt::json(prompt));
        start.params = params.as_object().unwrap().clone();
        RequestCount::of(&start).unwrap()
    };
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let tools = [
        (
            json!({"tools": [{"type": "function", "function": {"name": "get_weather", "description": "Of a city", "parameters": schema}}], "tool_choice": "required"}),
            ToolChoice::Any,
        ),
        (
            json!({"tools": [{"name": "get_weather", "description": "Of a city", "input_schema": schema}], "tool_choice": {"type": "any"}}),
            ToolChoice::Any,
        ),
        (
            json!({"tools": [{"type": "function", "name": "get_weather", "description": "Of a city", "parameters": schema}], "tool_choice": {"type": "function", "name": "get_weather"}}),
            ToolChoice::Named,
        ),
        (
            json!({"tools": [{"functionDeclarations": [{"name": "get_weather", "description": "Of a city", "parameters": schema}]}], "toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}),
            ToolChoice::Any,
        ),
        (
            json!({"toolConfig": {"tools": [{"toolSpec": {"name": "get_weather", "description": "Of a city", "inputSchema": schema}}], "toolChoice": {"tool": {"name": "get_weather"}}}}),
            ToolChoice::Named,
        ),
    ];
    for (params, choice) in tools {
        let found = count(json!([]), params.clone());
        assert_eq!(
            (found.tools, found.tool_choice, found.server_tools),
            (1, choice, false),
            "{params}"
        );
        assert_eq!(found.tools_words, count(json!([]), json!({"tools": [{"name": "get_weather", "description": "Of a city", "parameters": schema}]})).tools_words);
    }
    for params in [
        json!({"response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}}),
        json!({"text": {"format": {"type": "json_schema", "schema": schema}}}),
        json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}}),
        json!({"generationConfig": {"responseSchema": schema}}),
        json!({"format": schema}),
    ] {
        assert_eq!(count(json!([]), params).schema_words, words(&schema.to_string()));
    }
    let text = words("Hello there");
    for message in [
        json!({"role": "user", "content": "Hello there"}),
        json!({"role": "user", "content": [{"type": "text", "text": "Hello there", "cache_control": {"type": "ephemeral"}}]}),
        json!({"role": "user", "parts": [{"text": "Hello there", "thoughtSignature": "c2lnbmF0dXJl"}]}),
        json!({"type": "function_call_output", "call_id": "call_1", "output": "Hello there"}),
        json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "Hello there"}]}]}),
        json!({"role": "user", "content": [{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Hello there"}}]}),
        json!({"role": "assistant", "content": [{"type": "thinking", "thinking": "Hello there", "signature": "abc"}]}),
    ] {
        let found = count(json!([message]), json!({}));
        assert_eq!((found.text_words, found.messages, found.media), (text, 1, false), "{message}");
    }
    for message in [
        json!({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}),
        json!({"role": "user", "content": [{"type": "image", "source": {"type": "base64", "data": "AAAA"}}]}),
        json!({"role": "user", "content": [{"type": "document", "source": {"type": "base64", "data": "AAAA"}}]}),
        json!({"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]}),
        json!({"role": "user", "content": [{"image": {"format": "png", "source": {"bytes": "AAAA"}}}]}),
        json!({"role": "user", "content": "", "images": ["AAAA"]}),
        json!({"role": "user", "inputImage": "AAAA"}),
        json!({"referenceImages": [{"referenceImage": {"bytesBase64Encoded": "AAAA"}}]}),
        // Files of forms, and what stands for one of any name.
        json!({"content_type": "audio/mpeg", "bytes": 20_000}),
        json!({"content_type": null, "bytes": null}),
        json!("[redacted, 20000 characters]"),
        json!("data:image/png;base64,[redacted]"),
    ] {
        let found = count(json!([message]), json!({}));
        assert_eq!((found.text_words, found.media), (0.0, true), "{message}");
    }
    for params in [
        json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
        json!({"tools": [{"googleSearch": {}}]}),
    ] {
        assert!(count(json!([]), params).server_tools);
    }
    for params in
        [json!({"previous_response_id": "resp_1"}), json!({"cachedContent": "cachedContents/1"})]
    {
        assert!(count(json!([]), params).stored_context);
    }
}

#[test]
fn an_estimate_says_what_it_does_not_cover() {
    let estimator = WordEstimator::new();
    let output = |model: &str, effort: Option<&str>, usage: Option<Usage>| {
        let mut start = LlmStart::new("x", "y").model(model);
        if let Some(effort) = effort {
            start = start.param("reasoning_effort", effort);
        }
        let mut answer = Accumulator::new();
        answer.delta(&Delta::text("Here is a short answer."));
        if let Some(usage) = usage {
            answer.delta(&Delta::usage(usage));
        }
        let result = answer.finish();
        let count = AnswerCount::of(&result);
        estimator.output(&Answer::new(&result, &count).request(&start).completed(false)).unwrap()
    };
    for model in [
        "gpt-5-mini",
        "openai/o3",
        "gemini-2.5-flash",
        "models/gemini-3-pro",
        "grok-4-fast-reasoning",
        "grok-3-mini",
    ] {
        assert_eq!(output(model, None, None).why, Some(UsageGap::HiddenReasoning), "{model}");
    }
    for model in [
        "gpt-4o",
        "gpt-4.1",
        "claude-sonnet-4-5",
        "gemini-2.0-flash",
        "grok-4-1-fast-non-reasoning",
        "gpt-5-chat-latest",
        "deepseek-reasoner",
        "o200k",
    ] {
        assert_eq!(output(model, None, None).why, None, "{model}");
    }
    assert_eq!(output("gpt-5.1", Some("none"), None).why, None);
    assert_eq!(output("claude-opus-4-7", Some("high"), None).why, Some(UsageGap::HiddenReasoning));
    // A running count of the reasoning is as good as its text.
    let known = output("gemini-2.5-flash", None, Some(Usage::new(5, 100).reasoning(95)));
    assert_eq!((known.is_at_least(), known.tokens > 95), (false, true));
}

#[test]
fn a_prompt_that_is_not_captured_has_no_estimate() {
    assert_eq!(WordEstimator::new().input(&LlmStart::new("x", "y").model("gpt-4o")), None);
}

#[test]
fn a_model_that_has_taught_enough_is_sampled() {
    let estimator = WordEstimator::new();
    let start = LlmStart::new("x", "y")
        .model("m")
        .messages(Prompt::json(json!([{"role": "user", "content": "Hello"}])));
    let mut answer = Accumulator::new();
    answer.delta(&Delta::text("Hello to you, too."));
    let result = answer.finish();
    let count = AnswerCount::of(&result);
    let mut learned = 0;
    for _ in 0..32 + 80 {
        if estimator.learns(&start) {
            estimator.learn(&Answer::new(&result, &count).request(&start), &Usage::new(9, 6));
            learned += 1;
        }
    }
    assert_eq!(learned, 32 + 10);
}

#[test]
fn the_text_of_an_answer_with_media_is_not_all_of_it() {
    let why = |name: &str, value: serde_json::Value| {
        let start = LlmStart::new("x", "y").model("gpt-4o-audio-preview").param(name, value);
        let mut answer = Accumulator::new();
        answer.delta(&Delta::text("Here is what I say."));
        let result = answer.finish();
        let count = AnswerCount::of(&result);
        WordEstimator::new().output(&Answer::new(&result, &count).request(&start)).unwrap().why
    };
    for (name, value) in [
        ("modalities", json!(["text", "audio"])),
        ("generationConfig", json!({"responseModalities": ["TEXT", "IMAGE"]})),
    ] {
        assert_eq!(why(name, value), Some(UsageGap::Media), "{name}");
    }
    assert_eq!(why("modalities", json!(["text"])), None);
}
