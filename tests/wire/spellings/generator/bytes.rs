//! How a body is cut.

use super::choices::{Axis, Choices, axis};

axis! {
    Cuts { Whole, SingleBytes, Random, Lines }
}

impl Cuts {
    pub fn apply(self, body: &[u8], choices: &mut Choices<'_>) -> Vec<Vec<u8>> {
        let mut random = choices.random("cuts");
        let longest = [3, 40, 400][random.below(3)];
        let mut pieces = Vec::new();
        let mut rest = body;
        while !rest.is_empty() {
            let length = match self {
                Self::Whole => rest.len(),
                Self::SingleBytes => 1,
                Self::Random => random.below(longest) + 1,
                Self::Lines => {
                    rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1)
                }
            };
            let (piece, after) = rest.split_at(length.min(rest.len()));
            pieces.push(piece.to_vec());
            rest = after;
        }
        pieces
    }
}
