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

    /// Returns a text with canaries, in words. The last one may be escaped.
    pub(super) fn text(&mut self) -> String {
        let mut text: String =
            (0..2).map(|_| self.before() + self.one(&CANARIES).0 + self.after()).collect();
        let canary = self.one(&CANARIES).0;
        let canary = if self.below(2) == 0 { canary.to_owned() } else { self.escaped(canary) };
        text += &(self.before() + &canary + self.after());
        text
    }

    /// Returns a text as it is in a JSON text. Spaces are some that are escaped; so are some other characters, or all.
    pub(super) fn escaped(&mut self, text: &str) -> String {
        let share = self.one(&[1, 3, 1000]);
        self.escape(text, share, |_| true)
    }

    /// Returns a text, which may have escapes, as it is in a JSON text. Letters and digits stay.
    pub(super) fn escaped_again(&mut self, text: &str) -> String {
        let share = self.one(&[1, 3, 1000]);
        self.escape(text, share, |c| !c.is_ascii_alphanumeric())
    }

    fn escape(&mut self, text: &str, share: usize, may: fn(char) -> bool) -> String {
        let mut escaped = String::new();
        for c in text.chars() {
            match c {
                ' ' => escaped += "\\u00a0",
                c if may(c) && self.below(share) == 0 => {
                    let units = c.encode_utf16(&mut [0; 2]).to_vec();
                    units.iter().for_each(|unit| escaped += &format!("\\u{unit:04X}"));
                }
                c => {
                    let json = serde_json::Value::from(c.to_string()).to_string();
                    escaped += &json[1..json.len() - 1];
                }
            }
        }
        escaped
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
            if nth % 6 == 5 {
                let canary = self.one(&CANARIES).0;
                let canary = self.escaped(canary);
                let (head, tail) = canary.split_at(self.below(canary.len()));
                pieces.push(last + head);
                last = tail.to_owned();
            } else if nth % 3 == 2 {
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
