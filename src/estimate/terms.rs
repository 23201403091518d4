use super::ratio::bounded;

/// The terms of an estimate of input tokens: the text, what any request costs, and its tools.
#[derive(Debug, Clone, Copy)]
pub(super) struct Estimated {
    pub(super) text: f64,
    pub(super) constant: f64,
    pub(super) tools: f64,
    /// How far off the constant may be: more where a provider adds a prompt of its own.
    pub(super) doubt: f64,
}

impl Estimated {
    pub(super) fn sum(&self) -> f64 {
        self.text + self.constant + self.tools
    }
}

/// What was learned of a model's input with a set of tools: a factor of the text, one of the tools, and a constant, by a
/// regression that begins at the family's own.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Terms {
    /// The normal equations: the upper triangle of a symmetric matrix, and the right side.
    matrix: [f64; 6],
    right: [f64; 3],
    calls: u32,
}

/// The standard deviations of what the family's terms may be off by.
const TEXT: f64 = 0.5;
const TOOLS: f64 = 0.4;
/// The spread of reports around a perfect estimate: a share of it, and tokens.
const SHARE: f64 = 0.04;
const TOKENS: f64 = 1.5;

impl Terms {
    /// Adds a call.
    pub(super) fn add(&mut self, reported: u64, estimated: &Estimated) {
        let (reported, sum) = (reported as f64, estimated.sum());
        if sum.is_nan() || sum < 1.0 || reported < 1.0 || reported > 8.0 * sum + 8_000.0 {
            return;
        }
        let expected = self.value(estimated).max(1.0);
        let mut noise = SHARE * reported.min(sum) + TOKENS;
        let off = (reported / expected).ln().abs();
        // What contradicts several calls teaches less.
        if self.calls >= 4 && off > 0.3 {
            noise *= off / 0.1;
        }
        let weight = 1.0 / (noise * noise);
        let row = [estimated.text, 1.0, estimated.tools];
        let rest = reported - sum;
        for (at, (a, b)) in PLACES.into_iter().enumerate() {
            self.matrix[at] += weight * row[a] * row[b];
        }
        for (right, factor) in self.right.iter_mut().zip(row) {
            *right += weight * factor * rest;
        }
        self.calls += 1;
        if self.calls >= 64 {
            self.matrix.iter_mut().chain(&mut self.right).for_each(|sum| *sum *= 0.5);
            self.calls = 32;
        }
    }

    /// Whether any call was learned from.
    pub(super) fn is_known(&self) -> bool {
        self.calls > 0
    }

    /// Returns the tokens of a request.
    pub(super) fn value(&self, estimated: &Estimated) -> f64 {
        let [text, constant, tools] = self.solve(estimated.doubt);
        let text = bounded(1.0 + text) * estimated.text;
        let tools = bounded(1.0 + tools) * estimated.tools;
        text + tools + (estimated.constant + constant.clamp(-4_000.0, 4_000.0))
    }

    /// Solves the equations by Cramer's rule. The prior keeps the matrix positive.
    fn solve(&self, doubt: f64) -> [f64; 3] {
        let prior = [TEXT, doubt, TOOLS].map(|deviation| 1.0 / (deviation * deviation));
        let [mut a, b, c, mut d, e, mut f] = self.matrix;
        a += prior[0];
        d += prior[1];
        f += prior[2];
        let [x, y, z] = self.right;
        let whole = determinant([[a, b, c], [b, d, e], [c, e, f]]);
        let solved = [
            determinant([[x, b, c], [y, d, e], [z, e, f]]) / whole,
            determinant([[a, x, c], [b, y, e], [c, z, f]]) / whole,
            determinant([[a, b, x], [b, d, y], [c, e, z]]) / whole,
        ];
        if solved.iter().all(|value| value.is_finite()) { solved } else { [0.0; 3] }
    }
}

const PLACES: [(usize, usize); 6] = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)];

fn determinant([[a, b, c], [d, e, f], [g, h, i]]: [[f64; 3]; 3]) -> f64 {
    a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
}

#[cfg(test)]
mod tests {
    use super::{Estimated, Terms};

    fn request(text: f64) -> Estimated {
        Estimated { text, constant: 3.0, tools: 60.0, doubt: 30.0 }
    }

    #[test]
    fn a_few_calls_teach_the_constant_and_the_factors() {
        let truth = |text: f64| (text * 1.1 + 140.0).round();
        let mut terms = Terms::default();
        assert_eq!(terms.value(&request(100.0)), 163.0);
        for text in [40.0, 400.0, 90.0, 150.0, 800.0] {
            terms.add(truth(text) as u64, &request(text));
        }
        for text in [20.0, 200.0, 600.0] {
            let ratio = terms.value(&request(text)) / truth(text);
            assert!((0.95..1.05).contains(&ratio), "{text}: {ratio}");
        }
    }

    #[test]
    fn one_call_among_many_that_contradicts_them_moves_little() {
        let mut terms = Terms::default();
        for text in [40.0, 400.0, 90.0, 150.0, 800.0] {
            terms.add((text + 63.0) as u64, &request(text));
        }
        let before = terms.value(&request(100.0));
        terms.add(1_400, &request(100.0));
        assert!((terms.value(&request(100.0)) / before).ln().abs() < 0.1);
    }
}
