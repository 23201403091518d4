//! The event stream decoder: all edge cases of the WHATWG rules, at any chunk boundaries.

use proptest::prelude::*;
use tower_llm_callbacks::wire::{
    Decoder, SseDecoder, anthropic::AnthropicDecoder, ollama::OllamaDecoder,
};

#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    event: Option<String>,
    data: String,
    id: Option<String>,
    complete: bool,
}

fn seen(event: &str, data: &str, id: &str) -> Seen {
    let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Seen { event: filled(event), data: data.to_owned(), id: filled(id), complete: true }
}

fn data(text: &str) -> Seen {
    seen("", text, "")
}

fn unfinished(event: Seen) -> Seen {
    Seen { complete: false, ..event }
}

fn decode_with<'a>(
    mut decoder: SseDecoder,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Seen>, u64) {
    let mut all = Vec::new();
    let mut each = |event: tower_llm_callbacks::wire::SseEvent<'_>| {
        all.push(Seen {
            event: event.event.map(str::to_owned),
            data: event.data.to_owned(),
            id: event.id.map(str::to_owned),
            complete: event.complete,
        });
    };
    for piece in pieces {
        decoder.push(piece, &mut each);
    }
    decoder.finish(&mut each);
    (all, decoder.overflows())
}

fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Seen> {
    decode_with(SseDecoder::new(), pieces).0
}

/// Cuts by repeating the lengths. Empty pieces are allowed.
fn cut<'a>(mut bytes: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = vec![];
    let mut lengths = lengths.iter().cycle();
    while !bytes.is_empty() {
        let length = lengths.next().map_or(bytes.len(), |length| (*length).min(bytes.len()));
        let (piece, rest) = bytes.split_at(length);
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

#[test]
fn edge_cases() {
    let table: Vec<(&[u8], Vec<Seen>)> = vec![
        (b"", vec![]),
        (b"\n\n\r\n\r", vec![]),
        (b"data: a\n\n", vec![data("a")]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", vec![data("a"), data("b")]),
        (b"data: a\r\rdata: b\r\r", vec![data("a"), data("b")]),
        (b"data: a\r\n\ndata: b\n\r\ndata: c\r\r\n", vec![data("a"), data("b"), data("c")]),
        (b"data: a\ndata: b\r\ndata: c\rdata: d\n\n", vec![data("a\nb\nc\nd")]),
        (b"\xEF\xBB\xBFdata: a\n\n", vec![data("a")]),
        (b"\xEF\xBB\xBF\xEF\xBB\xBFdata: a\n\ndata: b\n\n", vec![data("b")]),
        (b"data: a\n\n\xEF\xBB\xBFdata: b\n\n", vec![data("a")]),
        (b"\xEF\xBBdata: a\n\ndata: b\n\n", vec![data("b")]),
        (b"\xEF\n\ndata: b\n\n", vec![data("b")]),
        (b": comment\n:\n:data: x\ndata: a\n: more\n\n", vec![data("a")]),
        (b"data:a\n\ndata:  a\n\ndata: a \n\n", vec![data("a"), data(" a"), data("a ")]),
        (b"data:\ta\n\n", vec![data("\ta")]),
        (b"data: a: b:c\n\n", vec![data("a: b:c")]),
        (b"data\n\n", vec![data("")]),
        (b"data\ndata\n\n", vec![data("\n")]),
        (b"data:\n\ndata: \n\n", vec![data(""), data("")]),
        (b"data:\ndata: a\ndata\n\n", vec![data("\na\n")]),
        (b"event: a\n\ndata: b\n\n", vec![data("b")]),
        (b"event: a\ndata: b\n\ndata: c\n\n", vec![seen("a", "b", ""), data("c")]),
        (b"data: b\nevent: a\n\n", vec![seen("a", "b", "")]),
        (b"event: a\nevent: b\ndata: c\n\n", vec![seen("b", "c", "")]),
        (b"event: a\nevent\ndata: c\n\n", vec![data("c")]),
        (b"event:\ndata: c\n\n", vec![data("c")]),
        (
            b"id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n",
            vec![seen("", "a", "1"), seen("", "b", "1"), data("c")],
        ),
        (b"id: 1\n\ndata: b\n\n", vec![seen("", "b", "1")]),
        (b"id: 1\nid: 2\0\ndata: b\n\n", vec![seen("", "b", "1")]),
        (b"retry: 10\nnonsense: x\nDATA: y\n data: z\ndatas: w\ndata: a\n\n", vec![data("a")]),
        ("data: häß 東京 👋\n\n".as_bytes(), vec![data("häß 東京 👋")]),
        ("data: a\u{2028}b\u{85}c\u{FEFF}\n\n".as_bytes(), vec![data("a\u{2028}b\u{85}c\u{FEFF}")]),
        (b"data: a\x0bb\x0cc\x00\n\n", vec![data("a\u{b}b\u{c}c\0")]),
        (b"data: \xFF\n\ndata: \xE6\x9D\n\n", vec![data("\u{FFFD}"), data("\u{FFFD}")]),
        (b"data: \xE6\x9D\ndata: \xB1\n\n", vec![data("\u{FFFD}\n\u{FFFD}")]),
        (b"event: \xFF\nid: \xFE\ndata: a\n\n", vec![seen("\u{FFFD}", "a", "\u{FFFD}")]),
        (b"event: \xFF\nevent: b\ndata: \xFF\ndata: a\n\n", vec![seen("b", "\u{FFFD}\na", "")]),
        // Extensions of the standard.
        (b"data: a\n\ndata: [DONE]", vec![data("a"), unfinished(data("[DONE]"))]),
        (b"event: x\ndata: a\n", vec![unfinished(seen("x", "a", ""))]),
        (b"data: a\ndata: b\r", vec![unfinished(data("a\nb"))]),
        (b"data: a\nevent: x", vec![unfinished(seen("x", "a", ""))]),
        (b"event: x\n", vec![]),
        (
            b"error: {\"code\":400}\n\ndata: a\n\n",
            vec![seen("error", "{\"code\":400}", ""), data("a")],
        ),
        (b"data: a\nerror: b\n\n", vec![seen("error", "a\nb", "")]),
        (b"error\n\nerror:\n\n", vec![]),
    ];
    for (body, expected) in table {
        let name = String::from_utf8_lossy(body).into_owned();
        assert_eq!(decode([body]), expected, "{name:?} whole");
        for size in 1..=5 {
            assert_eq!(decode(body.chunks(size)), expected, "{name:?} in chunks of {size} bytes");
        }
        for at in 0..body.len() {
            let (a, b) = body.split_at(at);
            assert_eq!(decode([a, b"", b]), expected, "{name:?} cut at {at}");
        }
    }
}

#[test]
fn an_event_within_one_chunk_is_borrowed() {
    let body = b"event: a\ndata: first\n\ndata: second\n\n";
    let range = body.as_ptr_range();
    let mut count = 0;
    SseDecoder::new().push(body, &mut |event| {
        count += 1;
        assert!(range.contains(&event.data.as_ptr()));
        assert!(event.event.is_none_or(|event| range.contains(&event.as_ptr())));
    });
    assert_eq!(count, 2);
}

#[test]
fn a_decoder_can_be_reused_after_the_end() {
    let mut decoder = SseDecoder::new();
    let mut all = Vec::new();
    for body in ["id: 1\nevent: x\ndata: a", "\u{FEFF}data: b\n\n"] {
        decoder.push(body.as_bytes(), &mut |event| all.push(event.data.to_owned()));
        decoder.finish(&mut |event| all.push(event.data.to_owned()));
        decoder.finish(&mut |_| panic!("nothing is pending"));
    }
    assert_eq!(all, ["a", "b"]);
}

#[test]
fn events_over_the_limit_are_skipped_and_counted() {
    let long = "x".repeat(100);
    let table = [
        // One long line.
        (format!("data: {long}\n\ndata: a\n\n"), vec![data("a")], 1),
        // Many short lines.
        (format!("{}\ndata: a\n\n", "data: 12345\n".repeat(20)), vec![data("a")], 1),
        ("data\n".repeat(60) + "\ndata: a\n\n", vec![data("a")], 1),
        // The rest of the event is skipped too.
        (format!("data: {long}\ndata: b\nevent: c\r\n\r\ndata: a\n\n"), vec![data("a")], 1),
        (format!("data: {long}\r\r\ndata: a\n\n"), vec![data("a")], 1),
        // The event's earlier lines are dropped too, but not its id.
        (
            format!("id: 7\nevent: b\ndata: c\ndata: {long}\n\ndata: a\n\n"),
            vec![seen("", "a", "7")],
            1,
        ),
        // A long comment.
        (format!("data: b\n: {long}\n\ndata: a\n\n"), vec![data("a")], 1),
        // Two long events, and one at the end.
        (format!("data: {long}\n\ndata: a\n\ndata: {long}\n\ndata: {long}"), vec![data("a")], 3),
        // Exactly at the limit of 50.
        (format!("data: {}\n\n", "x".repeat(44)), vec![data(&"x".repeat(44))], 0),
        (format!("data: {}\n\n", "x".repeat(45)), vec![], 1),
        (format!("data: {}", "x".repeat(45)), vec![], 1),
    ];
    for (body, expected, overflows) in table {
        let body = body.as_bytes();
        for pieces in [cut(body, &[]), cut(body, &[1]), cut(body, &[7]), cut(body, &[60, 1])] {
            let decoder = SseDecoder::with_limit(50);
            let name = String::from_utf8_lossy(body);
            assert_eq!(decode_with(decoder, pieces), (expected.clone(), overflows), "{name:?}");
        }
    }
}

#[test]
fn replacement_characters_count_for_the_limit() {
    // Twenty bytes that decode to sixty.
    let body = [b"data: ".as_slice(), &[0xFF; 20], b"\n\ndata: a\n\n"].concat();
    for pieces in [cut(&body, &[]), cut(&body, &[1])] {
        assert_eq!(decode_with(SseDecoder::with_limit(50), pieces), (vec![data("a")], 1));
    }
    let body = &body[..26];
    assert_eq!(decode_with(SseDecoder::with_limit(50), [body]), (vec![], 1));
}

#[test]
fn an_endless_line_is_not_held() {
    let mut decoder = SseDecoder::with_limit(1000);
    decoder.push(b"data: ", &mut |_| panic!("no event"));
    for _ in 0..100_000 {
        decoder.push(&[b'x'; 1000], &mut |_| panic!("no event"));
    }
    // The buffer would appear in the debug output.
    assert!(format!("{decoder:?}").len() < 2000);
    assert_eq!(decoder.overflows(), 1);
    let mut after = 0;
    decoder.push(b"\n\ndata: a\n\n", &mut |_| after += 1);
    assert_eq!(after, 1);
}

#[test]
fn a_long_line_in_single_bytes_takes_linear_time() {
    // Four million pushes: scanning the line again at each push would take hours.
    let mut decoder = SseDecoder::new();
    decoder.push(b"data: ", &mut |_| panic!("no event"));
    for _ in 0..4_000_000 {
        decoder.push(b"x", &mut |_| panic!("no event"));
    }
    let mut length = 0;
    decoder.push(b"\n\n", &mut |event| length = event.data.len());
    assert_eq!(length, 4_000_000);
}

/// Fragments of event streams, and bytes that break them.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&'static [u8]> = vec![
        b"data",
        b"data:",
        b"data: ",
        b"data: {\"a\":1}",
        b"event",
        b"event: x",
        b"event:y",
        b"id",
        b"id: 1",
        b"id: \0",
        b"retry: 5",
        b":",
        b": c",
        b" ",
        b"\n",
        b"\n",
        b"\n\n",
        b"\r",
        b"\r\n",
        b"\r\n\r\n",
        b"\xEF\xBB\xBF",
        b"\xEF",
        b"\xBB",
        b"\xBF",
        b"\xFF",
        "東".as_bytes(),
        b"\xE6\x9D",
        b"\xF0\x9F",
        b"x",
        b"\0",
        b"\xC2\x85",
        "\u{2028}".as_bytes(),
    ];
    prop::collection::vec(prop::sample::select(words), 0..40).prop_map(|words| words.concat())
}

fn lengths() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0_usize..12, 0..8).prop_map(|mut lengths| {
        lengths.push(3);
        lengths
    })
}

/// The events of an independent decoder.
fn oracle(body: &[u8]) -> Vec<Seen> {
    let mut parser = sse_parse::SseParser::new();
    parser.feed(body);
    parser.finish();
    let mut all = Vec::new();
    while let Some(event) = parser.next_event() {
        let kind = if event.event == "message" { "" } else { &event.event };
        all.push(seen(kind, &event.data, &event.id));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chunk_boundaries_do_not_matter(body in soup(), lengths in lengths(), limit in 0_usize..60) {
        prop_assert_eq!(decode(cut(&body, &lengths)), decode([&*body]));
        prop_assert_eq!(
            decode_with(SseDecoder::with_limit(limit), cut(&body, &lengths)),
            decode_with(SseDecoder::with_limit(limit), [&*body]),
        );
    }

    #[test]
    fn an_independent_decoder_agrees(body in soup(), lengths in lengths()) {
        let mut all = decode(cut(&body, &lengths));
        all.retain(|event| event.complete);
        prop_assert_eq!(all, oracle(&body));
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(body in prop::collection::vec(any::<u8>(), 0..300), lengths in lengths()) {
        prop_assert_eq!(decode(cut(&body, &lengths)), decode([&*body]));
    }
}

/// What exceeds a limit is judged by the same bytes, wherever the slices end: also a line that does not show yet what it is.
#[test]
fn what_exceeds_a_limit_does_not_depend_on_the_slices() {
    let long = "x".repeat(90);
    let blank = " ".repeat(70);
    let text =
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#;
    let bodies = [
        // A field behind a text without fields, on several lines.
        format!("{{\"a\":\n\"{long}\n\ndata: {text}\n\ndata: {text}\n\n"),
        format!("{{\"a\":\n\"{long}\ndata: {text}\n\ndata: {text}\n\n"),
        format!("{{\"a\":\n\"{long}\n{text}\ndata: {text}\n\n"),
        // A text behind a field.
        format!("data: {long}\n{text}\n\ndata: {text}\n\n"),
        format!("event: {long}\n{text}\n\n{text}\n\ndata: {text}"),
        // The name of a field, or the bracket of a text, comes late.
        format!("{long}\n{blank}{text}\n\ndata: {text}\n\n"),
        format!("data: {long}\n{blank}{text}\ndata: {text}\n\n{text}\n"),
    ];
    for (body, limit) in bodies.iter().flat_map(|body| (0..250).map(move |limit| (body, limit))) {
        let decoders: [fn(usize) -> Box<dyn Decoder>; 2] = [
            |limit| Box::new(AnthropicDecoder::with_limit(limit)),
            |limit| Box::new(OllamaDecoder::with_limit(limit)),
        ];
        for decoder in decoders {
            let decoded = |length: usize| {
                let (mut decoder, mut deltas) = (decoder(limit), Vec::new());
                for piece in body.as_bytes().chunks(length) {
                    decoder.push(piece, &mut |delta| deltas.push(delta.into_owned()));
                }
                decoder.finish(&mut |delta| deltas.push(delta.into_owned()));
                deltas
            };
            let whole = decoded(usize::MAX);
            for length in [1, 2, 7, 40] {
                assert_eq!(decoded(length), whole, "{limit} bytes, slices of {length}: {body}");
            }
        }
    }
}
