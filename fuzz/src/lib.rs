//! Invariants that hold for any input.

use tower_llm_callbacks::{Delta, event::Accumulator, wire::Decoder};

/// Splits the input into pieces, whose lengths are its first eight bytes. Returns the pieces and the bytes they contain.
pub fn pieces(data: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let (lengths, body) = data.split_at(data.len().min(8));
    let mut pieces = Vec::new();
    let mut rest = body;
    for length in lengths.iter().chain([&7]).cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at(usize::from(*length).clamp(1, rest.len()));
        pieces.push(piece);
        rest = after;
    }
    (pieces, body)
}

/// Checks that the deltas do not depend on how the bytes are split, and that no delta follows the end.
pub fn check(new: impl Fn() -> Box<dyn Decoder>, data: &[u8]) {
    let (pieces, body) = pieces(data);
    assert_eq!(deltas(&mut *new(), &pieces), deltas(&mut *new(), &[body]));
}

fn deltas(decoder: &mut dyn Decoder, pieces: &[&[u8]]) -> Vec<Delta<'static>> {
    let mut all = Vec::new();
    let mut sum = Accumulator::new();
    let mut ended = false;
    let mut each = |delta: Delta<'_>| {
        assert!(!ended, "{delta:?} after the end");
        ended = matches!(delta, Delta::Done | Delta::Error(_));
        sum.delta(&delta);
        all.push(delta.into_owned());
    };
    for piece in pieces {
        decoder.push(piece, &mut each);
    }
    decoder.finish(&mut each);
    let result = sum.finish();
    let of = |kind: fn(&Delta<'_>) -> bool| -> String {
        all.iter().filter(|delta| kind(delta)).filter_map(Delta::content).collect()
    };
    let texts: usize = result.choices.iter().map(|choice| choice.text.len()).sum();
    assert_eq!(texts, of(|delta| matches!(delta, Delta::Text { .. })).len());
    all
}
