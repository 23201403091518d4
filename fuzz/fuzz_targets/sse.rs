#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_llm_callbacks::wire::SseDecoder;
use tower_llm_callbacks_fuzz::pieces;

// The events do not depend on how the bytes are split, and equal those of another implementation of the standard, which
// does not support `error:` lines.
fuzz_target!(|data: &[u8]| {
    let (pieces, body) = pieces(data);
    let read = |pieces: &[&[u8]]| {
        let mut events = Vec::new();
        let mut decoder = SseDecoder::new();
        for piece in pieces {
            decoder.push(piece, &mut |event| {
                assert!(event.complete);
                events.push((event.event.map(str::to_owned), event.data.to_owned()));
            });
        }
        events
    };
    let events = read(&pieces);
    assert_eq!(events, read(&[body]));

    if !body.windows(6).any(|window| window == b"error:") && !body.windows(5).any(|w| w == b"error") {
        let mut other = sse_parse::SseParser::new();
        let mut expected = Vec::new();
        for piece in pieces {
            other.feed(piece);
            while let Some(event) = other.next_event() {
                expected.push((Some(event.event).filter(|name| name != "message"), event.data));
            }
        }
        let named = |(name, data): (Option<String>, String)| {
            (name.filter(|name| name != "message"), data)
        };
        let events: Vec<_> = events.into_iter().map(named).collect();
        assert_eq!(events, expected);
    }
});
