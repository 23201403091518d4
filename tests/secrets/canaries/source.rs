use std::collections::HashSet;

use super::CANARIES;

/// A source of texts with canaries, cut into pieces. The same at each start, so that a failure can be repeated.
pub(super) struct Source {
    random: u64,
    /// The next canary and the place of its cut, by the place of the text.
    next: [(usize, usize); Self::PLACES],
    cuts: HashSet<(usize, usize, usize)>,
}

impl Source {
    /// The places at which texts come in pieces.
    pub(super) const PLACES: usize = 5;

    pub(super) fn new() -> Self {
        Self { random: 7, next: [(0, 1); Self::PLACES], cuts: HashSet::new() }
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        self.random =
            self.random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.random >> 33) as usize % n
    }

    pub(super) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Returns a text with canaries, in words.
    pub(super) fn text(&mut self) -> String {
        (0..3).map(|_| self.before() + self.one(&CANARIES).0 + self.after()).collect()
    }

    fn before(&mut self) -> String {
        let words = ["so", "the number is", "\n-", "(see", "12 of 30,", "«", "\"", "\t"];
        self.one(&words).to_owned() + " "
    }

    fn after(&mut self) -> &'static str {
        self.one(&[" ", ", ", ". ", "\n", "\"", ")", ": "])
    }

    /// Returns a text for a place in pieces. Each canary is cut in two at the next of all its boundaries, or at all.
    pub(super) fn pieces(&mut self, place: usize, canaries: usize) -> Vec<String> {
        let mut pieces = Vec::new();
        for nth in 0..canaries {
            let mut last = self.before();
            if nth % 3 == 2 {
                let canary = self.one(&CANARIES).0;
                pieces.push(std::mem::take(&mut last));
                pieces.extend(canary.chars().map(String::from));
            } else {
                let (of, at) = self.next[place];
                let canary = CANARIES[of].0;
                self.cuts.insert((place, of, at));
                let (head, tail) = canary.split_at(at);
                pieces.push(last + head);
                last = tail.to_owned();
                self.next[place] = if at + 1 < canary.len() {
                    (of, at + 1)
                } else {
                    ((of + 1) % CANARIES.len(), 1)
                };
            }
            pieces.push(last + self.after());
        }
        pieces
    }

    /// Asserts that each canary was cut at each of its boundaries, at each place.
    pub(super) fn assert_all_cut(&self) {
        let boundaries: usize = CANARIES.iter().map(|(canary, _)| canary.len() - 1).sum();
        assert_eq!(self.cuts.len(), Self::PLACES * boundaries);
    }
}
