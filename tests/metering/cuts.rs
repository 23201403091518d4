use tiktoken::{CoreBpe, get_encoding};
use tower_llm_callbacks::estimate::WordEstimator;

use crate::{
    rows::{self, Random, Row},
    shares,
};

/// The tokens of the text and of the reasoning up to a number of deltas.
fn tokens(encoding: &CoreBpe, row: &Row, deltas: usize) -> f64 {
    let of = |kind: &str| {
        let texts = row.deltas[..deltas].iter().filter(|delta| delta.0 == kind);
        encoding.count(&texts.map(|delta| delta.1.as_str()).collect::<String>())
    };
    let reasoning = if row.delivers_reasoning() { of("reasoning") } else { 0 };
    (of("text") + reasoning) as f64
}

/// The tokens at the begin of an answer and at its end, beside its words.
fn marks(family: &str) -> (f64, f64) {
    match family {
        "gpt-oss" => (10.0, 0.0),
        "openai-reasoning" => (0.0, 4.0),
        "claude" | "claude-4.7+" => (0.0, 2.5),
        _ => (0.0, 0.5),
    }
}

/// The truth of a cut answer is its share of the reported tokens, by tokens of o200k.
#[test]
fn streams_cut_at_random_points_are_near_their_share_of_what_was_reported() {
    let encoding = get_encoding("o200k_base").unwrap();
    let (estimator, mut random) = (WordEstimator::new(), Random(7));
    let mut by_family = std::collections::BTreeMap::<String, Vec<f64>>::new();
    for row in rows::all() {
        // Reports that differ from any count by more than half say nothing of cuts.
        let whole = tokens(encoding, &row, row.deltas.len());
        let odd = (row.visible() as f64 / whole).ln().abs() > 0.6;
        let fit = row.streamed && row.is_fit() && row.calls == 0 && row.deltas.len() > 2;
        if !fit || odd || row.visible() < 20 {
            continue;
        }
        let (begin, end) = marks(&row.family);
        for _ in 0..10 {
            let cut = 1 + random.below(row.deltas.len() - 1);
            let share = tokens(encoding, &row, cut) / whole;
            let truth = begin + (row.visible() as f64 - begin - end) * share;
            if truth >= 10.0 {
                let estimated = row.estimate(&estimator, cut).tokens.max(1) as f64;
                by_family.entry(row.family.clone()).or_default().push(estimated / truth);
            }
        }
    }
    let mut all = Vec::new();
    for (name, ratios) in by_family {
        let shares = shares::of(&format!("cut: {name}"), ratios.clone());
        let (in_10, in_25) = match name.as_str() {
            "deepseek" | "glm" | "qwen" | "gpt-oss" | "openai-o200k" | "gemma" => (0.93, 0.98),
            "mistral" | "kimi" => (0.80, 0.89),
            "claude" | "gemini" => (0.62, 0.91),
            _ => (0.0, 0.0),
        };
        assert!(shares.in_10 >= in_10 && shares.in_25 >= in_25, "{name}");
        all.extend(ratios);
    }
    if !all.is_empty() {
        let shares = shares::of("all cut answers", all);
        assert!((0.98..=1.02).contains(&shares.median));
        assert!(shares.in_10 >= 0.83 && shares.in_25 >= 0.95);
    }
}
