use std::collections::BTreeMap;

use tower_llm_callbacks::{
    Usage,
    estimate::{Answer, AnswerCount, UsageEstimator, WordEstimator},
    event::Accumulator,
};

use crate::{
    rows::{self, Random, Row},
    shares,
};

fn fit(rows: &[Row]) -> Vec<&Row> {
    rows.iter().filter(|row| row.has_fit_input() && row.start().is_some()).collect()
}

fn ratio(row: &Row, estimator: &WordEstimator) -> f64 {
    estimator.input(&row.start().unwrap()).unwrap().tokens.max(1) as f64 / row.input as f64
}

#[test]
fn requests_are_near_what_was_reported() {
    let rows = rows::all();
    let estimator = WordEstimator::new();
    let mut by_kind = BTreeMap::<String, Vec<f64>>::new();
    for row in fit(&rows) {
        let kind = match (row.tools() > 0, row.has_schema()) {
            (true, _) => "tools",
            (false, true) => "schema",
            (false, false) => "text",
        };
        by_kind
            .entry(format!("input, {kind}: {}", row.family))
            .or_default()
            .push(ratio(row, &estimator));
    }
    for (name, ratios) in by_kind {
        let shares = shares::of(&name, ratios);
        let (in_10, in_25) = match name.as_str() {
            "input, text: openai-o200k" | "input, text: gpt-oss" => (0.95, 0.98),
            "input, text: openai-reasoning" => (0.90, 0.97),
            "input, text: openai-cl100k" | "input, text: qwen" => (0.80, 0.84),
            "input, text: gemini" => (0.65, 0.83),
            "input, text: claude" => (0.70, 0.85),
            "input, text: llama" => (0.70, 0.75),
            "input, tools: openai-o200k" => (0.55, 0.86),
            "input, tools: claude" => (0.58, 0.83),
            "input, tools: gemini" => (0.38, 0.55),
            "input, tools: mistral" => (0.85, 0.92),
            _ => (0.0, 0.0),
        };
        assert!(shares.in_10 >= in_10 && shares.in_25 >= in_25, "{name}");
    }
}

/// Lets an estimator learn the input of a call.
pub fn learn(estimator: &WordEstimator, row: &Row) {
    let start = row.start().unwrap();
    let (result, count) = (Accumulator::new().finish(), AnswerCount::default());
    estimator.learn(&Answer::new(&result, &count).request(&start), &Usage::new(row.input, None));
}

#[test]
fn five_calls_of_one_model_and_the_same_tools_teach_the_terms_of_a_request() {
    let rows = rows::all();
    let mut groups = BTreeMap::<(String, String, String), Vec<&Row>>::new();
    for row in fit(&rows).into_iter().filter(|row| row.tools() > 0) {
        groups
            .entry((row.repo.clone(), row.model.clone(), row.tools_text()))
            .or_default()
            .push(row);
    }
    let mut random = Random(5);
    let mut after: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for rows in groups.values().filter(|rows| rows.len() > 5) {
        for _ in 0..10 {
            let estimator = WordEstimator::new();
            let mut order: Vec<&Row> = rows.clone();
            for at in (1..order.len()).rev() {
                order.swap(at, random.below(at + 1));
            }
            for (calls, row) in order.iter().take(8).enumerate() {
                after.entry(calls).or_default().push(ratio(row, &estimator));
                learn(&estimator, row);
            }
        }
    }
    for (calls, ratios) in after {
        let shares = shares::of(&format!("input after {calls} calls"), ratios);
        if calls >= 5 {
            assert!(shares.in_10 >= 0.74, "{calls}");
        }
    }
}
