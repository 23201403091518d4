//! Newline-delimited JSON: the lines are those of a plain split, at any chunk boundaries.

use proptest::prelude::*;
use tower_llm_callbacks::wire::NdjsonDecoder;

/// The lines of a body in pieces, and the number of lines over the limit.
fn read<'a>(
    mut decoder: NdjsonDecoder,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<String>, u64) {
    let mut lines_end_at_newlines = Vec::new();
    for piece in pieces {
        decoder.push(piece, &mut |line| lines_end_at_newlines.push(line.to_owned()));
    }
    decoder.finish(&mut |line| lines_end_at_newlines.push(line.to_owned()));
    let overflows = decoder.overflows();
    // The decoder can be reused for another stream.
    let mut again = Vec::new();
    decoder.push(b"x\ny", &mut |line| again.push(line.to_owned()));
    decoder.finish(&mut |line| again.push(line.to_owned()));
    assert_eq!(again, ["x", "y"]);
    (lines_end_at_newlines, overflows)
}

/// The expected lines. Lines over the limit, without their ends, are left out.
fn plain(body: &[u8], limit: usize) -> (Vec<String>, u64) {
    let (mut lines_end_at_newlines, mut overflows) = (vec![], 0);
    for line in body.split(|byte| *byte == b'\n') {
        if line.len() > limit {
            overflows += 1;
        } else if !line.trim_ascii().is_empty() {
            lines_end_at_newlines.push(String::from_utf8_lossy(line.trim_ascii()).into_owned());
        }
    }
    (lines_end_at_newlines, overflows)
}

#[test]
fn lines_end_at_newlines() {
    for (body, expected) in [
        ("", vec![]),
        ("\n", vec![]),
        ("\r\n \n\t\n", vec![]),
        ("{}", vec!["{}"]),
        ("{}\n", vec!["{}"]),
        ("{}\r\n{\"a\":1}\r\n", vec!["{}", "{\"a\":1}"]),
        ("\n\n{}\n\n\n{}", vec!["{}", "{}"]),
        // Other line separators do not end a line.
        ("{}\r{}", vec!["{}\r{}"]),
        ("\"\u{2028}\u{85}\"\n1", vec!["\"\u{2028}\u{85}\"", "1"]),
        ("é👋\n", vec!["é👋"]),
    ] {
        for size in [1, 2, 3, 100] {
            let (lines_end_at_newlines, overflows) =
                read(NdjsonDecoder::new(), body.as_bytes().chunks(size));
            assert_eq!(
                (lines_end_at_newlines, overflows),
                (expected.iter().map(ToString::to_string).collect(), 0)
            );
        }
    }
}

#[test]
fn invalid_utf_8_is_replaced() {
    for size in [1, 100] {
        let lines_end_at_newlines =
            read(NdjsonDecoder::new(), b"a\xFFb\n\xC3\n\xA9".chunks(size)).0;
        assert_eq!(lines_end_at_newlines, ["a\u{FFFD}b", "\u{FFFD}", "\u{FFFD}"]);
    }
}

#[test]
fn lines_over_the_limit_are_skipped_and_counted() {
    let body = b"1234\n12345\n12\n123456789\n1";
    for size in [1, 2, 3, 7, 100] {
        let (lines_end_at_newlines, overflows) =
            read(NdjsonDecoder::with_limit(4), body.chunks(size));
        assert_eq!(
            (&*lines_end_at_newlines, overflows),
            (&["1234", "12", "1"].map(str::to_owned)[..], 2)
        );
    }
    // The last line, without its end.
    let (lines_end_at_newlines, overflows) =
        read(NdjsonDecoder::with_limit(4), b"1\n12345".chunks(1));
    assert_eq!((&*lines_end_at_newlines, overflows), (&["1".to_owned()][..], 1));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lines_equal_a_plain_split(
        body in prop::collection::vec(
            prop_oneof![Just(b'\n'), Just(b'\r'), Just(b' '), 0x20_u8..0x7F, any::<u8>()],
            0..120,
        ),
        lengths in prop::collection::vec(0_usize..20, 1..8),
        limit in prop_oneof![1_usize..12, Just(1000)],
    ) {
        let mut rest = &*body;
        let mut pieces = vec![];
        for length in lengths.iter().chain([&5]).cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*length).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        prop_assert_eq!(read(NdjsonDecoder::with_limit(limit), pieces), plain(&body, limit));
    }
}
