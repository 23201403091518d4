use tower_llm_callbacks::{
    Delta, LlmResult, LlmStart, Prompt, Usage,
    estimate::{Answer, AnswerCount, UsageEstimator, WordEstimator},
    event::Accumulator,
};

use crate::rows::{self, Random, Row};

fn start(model: &str) -> LlmStart {
    LlmStart::new("test", "chat").model(model).messages(Prompt::none())
}

fn answer_of(model: &str, text: &str) -> (LlmResult, AnswerCount) {
    let mut answer = Accumulator::new();
    answer.delta(&Delta::NotStreamed);
    answer.delta(&Delta::response("1", model));
    answer.delta(&Delta::text(text));
    let result = answer.finish();
    let count = AnswerCount::of(&result);
    (result, count)
}

/// The tokens of an answer of a model whose family nobody knows, after it learned from others.
fn bias(rows: &[&Row], calls: usize, factor: f64, seed: u64) -> f64 {
    let mut random = Random(seed);
    let (estimator, start) = (WordEstimator::new(), start("somebody/new-model"));
    let draw = |random: &mut Random| {
        let row = rows[random.below(rows.len())];
        let text: String =
            row.deltas.iter().filter(|d| d.0 == "text").map(|d| d.1.as_str()).collect();
        (answer_of("new-model", &text), (row.visible() as f64 * factor).round() as u64)
    };
    for _ in 0..calls {
        let ((result, count), reported) = draw(&mut random);
        estimator.learn(&Answer::new(&result, &count).request(&start), &Usage::new(9, reported));
    }
    let mut ratios: Vec<f64> = (0..60)
        .map(|_| {
            let ((result, count), reported) = draw(&mut random);
            let estimated =
                estimator.output(&Answer::new(&result, &count).request(&start)).unwrap();
            estimated.tokens as f64 / reported as f64
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    ratios[30]
}

#[test]
fn a_model_of_no_known_family_is_learned() {
    let rows = rows::all();
    let texts: Vec<&Row> = rows
        .iter()
        .filter(|row| row.is_fit() && row.calls == 0 && row.visible() >= 20)
        .filter(|row| row.family == "openai-o200k" || row.family == "deepseek")
        .collect();
    if texts.is_empty() {
        return;
    }
    for factor in [0.8, 1.3, 1.5] {
        for calls in [0, 1, 5, 20] {
            let mut off: Vec<f64> =
                (1..=21).map(|seed| bias(&texts, calls, factor, seed).ln().abs()).collect();
            off.sort_by(f64::total_cmp);
            let off = off[10].exp() - 1.0;
            println!("factor {factor}, after {calls} calls: {off:.3} off");
            match calls {
                5 => assert!(off <= 0.07),
                20 => assert!(off <= 0.05),
                _ => {}
            }
        }
    }
}
