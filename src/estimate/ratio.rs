/// The tokens that a model reports for each one that is estimated, as learned from reported answers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ratio {
    reported: f64,
    estimated: f64,
}

/// Keeps a factor within what may be learned: a report further off teaches no more than one that is as far off.
pub(super) fn bounded(factor: f64) -> f64 {
    factor.clamp(0.3, 4.0)
}

/// The tokens that one answer weighs at most, and the tokens that are remembered.
const ANSWER: f64 = 400.0;
const REMEMBERED: f64 = 8_000.0;

impl Ratio {
    /// Adds an answer.
    pub(super) fn add(&mut self, reported: u64, estimated: f64) {
        if estimated.is_nan() || estimated < 1.0 || reported == 0 {
            return;
        }
        let ratio = bounded(reported as f64 / estimated);
        let weight = estimated.min(ANSWER);
        self.reported += weight * ratio;
        self.estimated += weight;
        if self.estimated > REMEMBERED {
            self.reported *= 0.5;
            self.estimated *= 0.5;
        }
    }

    /// Returns the ratio, if the family's own factor is worth so many tokens.
    pub(super) fn value(&self, prior: f64) -> f64 {
        bounded((self.reported + prior) / (self.estimated + prior))
    }
}

#[cfg(test)]
mod tests {
    use super::Ratio;

    #[test]
    fn what_was_reported_outweighs_the_prior_in_the_end() {
        let mut ratio = Ratio::default();
        assert_eq!(ratio.value(200.0), 1.0);
        ratio.add(150, 100.0);
        assert!((1.1..1.3).contains(&ratio.value(200.0)));
        for _ in 0..1_000 {
            ratio.add(150, 100.0);
        }
        assert!((1.47..=1.5).contains(&ratio.value(200.0)));
        assert!(ratio.estimated < 10_000.0);
    }

    #[test]
    fn nothing_that_is_reported_leaves_the_bounds() {
        let mut ratio = Ratio::default();
        for _ in 0..1_000 {
            ratio.add(u64::MAX, 1e9);
            ratio.add(0, 5.0);
            ratio.add(5, f64::NAN);
        }
        assert!(ratio.value(0.0) <= 4.0);
    }
}
