//! The figures of tokenizers, on the same answers and requests as those of words.

use std::collections::BTreeMap;

use serde_json::json;
use tower_llm_callbacks::{
    Delta, LlmResult, LlmStart, Prompt,
    estimate::{Answer, AnswerCount, TokenizerEstimator, UsageEstimator, WordEstimator},
    event::Accumulator,
};

use crate::{
    rows::{self, Row},
    shares,
};

/// The families of which there is a tokenizer.
const FAMILIES: [&str; 9] = [
    "openai-o200k",
    "openai-cl100k",
    "qwen",
    "mistral",
    "deepseek",
    "llama",
    "kimi",
    "glm",
    "gpt-oss",
];

#[test]
fn text_answers_are_nearer_than_by_words() {
    let (tokens, words) = (TokenizerEstimator::new(), WordEstimator::new());
    let mut by_family = BTreeMap::<String, [Vec<f64>; 2]>::new();
    for row in rows::all() {
        let fit = row.is_fit() && row.visible() >= 20 && row.calls == 0;
        if fit && FAMILIES.contains(&row.family.as_str()) && tokens.load(&row.model) {
            let visible = row.visible() as f64;
            let ratio = |estimated: u64| estimated.max(1) as f64 / visible;
            let [by_tokens, by_words] = by_family.entry(row.family.clone()).or_default();
            // Whole, so that no pieces help.
            let whole = Row { streamed: false, ..row };
            by_tokens.push(ratio(whole.estimate(&tokens, whole.deltas.len()).tokens));
            by_words.push(ratio(whole.estimate(&words, whole.deltas.len()).tokens));
        }
    }
    let [mut all_tokens, mut all_words] = [Vec::new(), Vec::new()];
    for (name, [by_tokens, by_words]) in by_family {
        shares::of(&format!("words:  {name}"), by_words.clone());
        shares::of(&format!("tokens: {name}"), by_tokens.clone());
        all_tokens.extend(by_tokens);
        all_words.extend(by_words);
    }
    if !all_tokens.is_empty() {
        let by_words = shares::of("words:  all", all_words);
        let by_tokens = shares::of("tokens: all", all_tokens);
        assert!((0.98..=1.02).contains(&by_tokens.median));
        assert!(by_tokens.in_10 >= by_words.in_10 + 0.03 && by_tokens.in_10 >= 0.88);
    }
}

#[test]
fn requests_of_text_are_nearer_than_by_words() {
    let (tokens, words) = (TokenizerEstimator::new(), WordEstimator::new());
    let [mut by_tokens, mut by_words] = [Vec::new(), Vec::new()];
    for row in rows::all() {
        let fit = row.has_fit_input() && row.tools() == 0 && !row.has_schema();
        let openai = row.family.starts_with("openai");
        let Some(start) = row.start().filter(|_| fit && openai) else { continue };
        let ratio = |tokens: u64| tokens.max(1) as f64 / row.input as f64;
        by_tokens.push(ratio(tokens.input(&start).unwrap().tokens));
        by_words.push(ratio(words.input(&start).unwrap().tokens));
    }
    if !by_tokens.is_empty() {
        let by_words = shares::of("words:  input of OpenAI", by_words);
        let by_tokens = shares::of("tokens: input of OpenAI", by_tokens);
        assert!(by_tokens.in_10 >= by_words.in_10 && by_tokens.in_10 >= 0.92);
    }
}

/// Exact counts, of a request and of an answer.
#[test]
fn the_tokens_of_the_model_are_counted() {
    let estimator = TokenizerEstimator::new();
    let text = "Supercalifragilisticexpialidocious, 1234567 Wörter!";
    for (model, name) in [("gpt-4o", "o200k_base"), ("openai/gpt-3.5-turbo", "cl100k_base")] {
        let counted = tiktoken::get_encoding(name).unwrap().count(text) as u64;
        let messages = json!([{"role": "user", "content": text}]);
        let start = LlmStart::new("openai", "chat_completions").model(model);
        let start = start.messages(Prompt::json(messages));
        let framing = estimator.input(&start).unwrap().tokens - counted;
        assert_eq!(framing, 7, "three for the request, four for the message");
        let (result, count) = answer(model, text);
        let estimate = estimator.output(&Answer::new(&result, &count)).unwrap();
        assert_eq!(estimate.tokens, counted);
    }
}

fn answer(model: &str, text: &str) -> (LlmResult, AnswerCount) {
    let mut answer = Accumulator::new();
    answer.delta(&Delta::response("1", model));
    answer.delta(&Delta::text(text));
    let result = answer.finish();
    let count = AnswerCount::of(&result);
    (result, count)
}

/// Models without a tokenizer, and answers whose content is not captured, are estimated by words.
#[test]
fn words_are_counted_where_tokens_cannot_be() {
    let (tokens, words) = (TokenizerEstimator::new(), WordEstimator::new());
    let text = "Supercalifragilisticexpialidocious, 1234567 Wörter!";
    let (result, count) = answer("claude-sonnet-4-5", text);
    fn by(estimator: &dyn UsageEstimator, result: &LlmResult, count: &AnswerCount) -> u64 {
        estimator.output(&Answer::new(result, count)).unwrap().tokens
    }
    assert_eq!(by(&tokens, &result, &count), by(&words, &result, &count));

    let (mut result, count) = answer("gpt-4o", text);
    assert_ne!(by(&tokens, &result, &count), by(&words, &result, &count));
    result.choices[0].text.truncate(5);
    assert_eq!(by(&tokens, &result, &count), by(&words, &result, &count));
}
