#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_llm_callbacks::wire::NdjsonDecoder;
use tower_llm_callbacks_fuzz::pieces;

// The lines equal those of a plain split, however the bytes are split into pieces.
fuzz_target!(|data: &[u8]| {
    let (pieces, body) = pieces(data);
    let mut lines = Vec::new();
    let mut decoder = NdjsonDecoder::new();
    for piece in pieces {
        decoder.push(piece, &mut |line| lines.push(line.to_owned()));
    }
    decoder.finish(&mut |line| lines.push(line.to_owned()));

    let split = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let expected: Vec<_> = split
        .filter(|line| !line.is_empty())
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    assert_eq!(lines, expected);
});
