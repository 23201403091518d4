/// How far a text is from English, which tokenizers know best: the same word of another language has more tokens.
///
/// Letters with marks tell. Those of French, Spanish, Portuguese and German say that words are a little longer in tokens; those
/// of smaller languages (Latin Extended-A, and `å`, `ø`, `æ`, `ö`) that they are much longer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Foreign {
    /// The letters of words beyond the fourth.
    long: u32,
    /// The marks, each with its weight.
    marks: u32,
}

/// Fitted on translated messages in 22 languages. Tokens for each long letter: at once, and as the marks grow more.
const SOME: f64 = 0.1;
const SOME_AT: f64 = 0.01;
const MANY: f64 = 0.3;
const MANY_FROM: f64 = 0.1;
const MANY_AT: f64 = 0.3;

/// The weight of a mark of a smaller language.
const RARE: u32 = 6;

impl Foreign {
    /// Adds a word.
    #[inline]
    pub(super) fn word(&mut self, letters: u32, marks: u32) {
        self.long = self.long.saturating_add(letters.saturating_sub(4));
        self.marks = self.marks.saturating_add(marks);
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.long = self.long.saturating_add(other.long);
        self.marks = self.marks.saturating_add(other.marks);
    }

    /// Returns the tokens that the words have beyond English ones.
    pub(super) fn tokens(self) -> f64 {
        if self.marks == 0 {
            return 0.0;
        }
        let long = f64::from(self.long.max(1));
        let share = f64::from(self.marks) / long;
        let some = (share / SOME_AT).min(1.0);
        let many = ((share - MANY_FROM) / (MANY_AT - MANY_FROM)).clamp(0.0, 1.0);
        f64::from(self.long) * (SOME * some + MANY * many)
    }
}

/// Returns the weight of a letter with marks.
pub(super) fn mark(char: char) -> u32 {
    match char {
        'å' | 'ø' | 'æ' | 'ö' | 'Å' | 'Ø' | 'Æ' | 'Ö' => RARE,
        // Of Vietnamese, whose words are known to tokenizers.
        'ă' | 'Ă' | 'đ' | 'Đ' | 'ơ' | 'Ơ' | 'ư' | 'Ư' => 1,
        '\u{100}'..='\u{24F}' => RARE,
        _ => 1,
    }
}
