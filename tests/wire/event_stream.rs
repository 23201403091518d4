//! The framing of AWS's event streams.

use proptest::prelude::*;
use support::{
    frames::{event, exception, frame, raw_frame},
    wire::cut,
};
use tower_llm_callbacks::wire::{
    EventStreamDecoder,
    EventStreamFault::{self, Checksum, Cut, Headers, Lost, TooLong},
    EventStreamFrame, EventStreamValue as Value,
};

type Read = Result<(Vec<(String, String)>, Vec<u8>), EventStreamFault>;

fn owned(frame: Result<EventStreamFrame<'_>, EventStreamFault>) -> Read {
    let frame = frame?;
    let headers = frame.headers.clone().map(|(name, value)| match value {
        Value::Text(text) => (name.to_owned(), text.to_owned()),
        other => (name.to_owned(), format!("{other:?}")),
    });
    Ok((headers.collect(), frame.payload.to_vec()))
}

fn read_with(mut decoder: EventStreamDecoder, pieces: &[&[u8]]) -> Vec<Read> {
    let mut all = Vec::new();
    for piece in pieces {
        decoder.push(piece, &mut |frame| all.push(owned(frame)));
    }
    decoder.finish(&mut |frame| all.push(owned(frame)));
    all
}

fn read(bytes: &[u8]) -> Vec<Read> {
    let whole = read_with(EventStreamDecoder::new(), &[bytes]);
    for size in [1, 2, 3, 11, 12, 13, 40] {
        assert_eq!(read_with(EventStreamDecoder::new(), &cut(bytes, &[size])), whole, "{size}");
    }
    whole
}

fn payloads(bytes: &[u8]) -> Vec<Result<String, EventStreamFault>> {
    let text = |read: Read| read.map(|(_, payload)| String::from_utf8(payload).unwrap());
    read(bytes).into_iter().map(text).collect()
}

fn unhex(hex: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

/// Made for this decoder, and read by botocore as well.
#[test]
fn frames_of_all_kinds() {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let cases = [
        (
            "0000006200000040f00cbad40f3a657863657074696f6e2d747970650700137468726f74746c696e67457863657074696f6e0d3a6d6573736167652d74797065070009657863657074696f6e7b226d657373616765223a22736c6f77227d63e96076",
            vec![
                header(":exception-type", "throttlingException"),
                header(":message-type", "exception"),
            ],
            r#"{"message":"slow"}"#,
        ),
        (
            "000000630000002a600b1b220b3a6576656e742d747970650700056368756e6b0d3a6d6573736167652d747970650700056576656e747b226279746573223a202265794a6e5a57356c636d463061573975496a6f6953476b6966513d3d227d8bfba16e",
            vec![header(":event-type", "chunk"), header(":message-type", "event")],
            r#"{"bytes": "eyJnZW5lcmF0aW9uIjoiSGkifQ=="}"#,
        ),
        (
            "0000004c0000003cd74e16a60b3a6572726f722d636f6465070001580e3a6572726f722d6d657373616765070004626f6f6d0d3a6d6573736167652d747970650700056572726f723c1c52eb",
            vec![
                header(":error-code", "X"),
                header(":error-message", "boom"),
                header(":message-type", "error"),
            ],
            "",
        ),
    ];
    for (hex, headers, payload) in cases {
        assert_eq!(read(&unhex(hex)), [Ok((headers, payload.as_bytes().to_vec()))]);
    }
}

#[test]
fn names_are_those_of_the_kind() {
    let mut decoder = EventStreamDecoder::new();
    let mut seen = Vec::new();
    for bytes in [
        event("e", ""),
        exception("x", ""),
        frame(&[(":message-type", "error"), (":error-code", "c")], b""),
        frame(&[], b""),
    ] {
        decoder.push(&bytes, &mut |frame| {
            let frame = frame.unwrap();
            let text = |it: Option<&str>| it.unwrap_or_default().to_owned();
            seen.push((text(frame.message_type()), text(frame.name())));
        });
    }
    let pair = |kind: &str, name: &str| (kind.to_owned(), name.to_owned());
    assert_eq!(
        seen,
        [pair("event", "e"), pair("exception", "x"), pair("error", "c"), pair("", "")]
    );
}

#[test]
fn headers_of_all_types() {
    let headers = b"\x01a\x00\x01b\x01\x01c\x02\xff\x01d\x03\xff\xfe\x01e\x04\0\0\0\x05\x01f\x05\0\0\0\0\0\0\0\x06\
        \x01g\x06\0\x02hi\x01h\x07\0\x02hi\x01i\x08\0\0\0\0\0\0\0\x09\x01j\x090123456789abcdef\x00\x00";
    let mut decoder = EventStreamDecoder::new();
    decoder.push(&raw_frame(headers, b""), &mut |frame| {
        let frame = frame.unwrap();
        assert_eq!(frame.header("f"), Some(Value::Long(6)));
        assert_eq!(frame.text("f"), None);
        assert_eq!(frame.text("h"), Some("hi"));
        assert_eq!(
            frame.headers.collect::<Vec<_>>(),
            [
                ("a", Value::Bool(true)),
                ("b", Value::Bool(false)),
                ("c", Value::Byte(-1)),
                ("d", Value::Short(-2)),
                ("e", Value::Integer(5)),
                ("f", Value::Long(6)),
                ("g", Value::Bytes(b"hi")),
                ("h", Value::Text("hi")),
                ("i", Value::Timestamp(9)),
                ("j", Value::Uuid(*b"0123456789abcdef")),
                ("", Value::Bool(true)),
            ]
        );
    });
}

#[test]
fn malformed_headers_skip_their_frame() {
    let many: Vec<u8> = (0..=255).flat_map(|name| [1, name & 0x7f, 0]).collect();
    for headers in [
        &b"\x01"[..],
        b"\x05ab",
        b"\x01a",
        b"\x01a\x0a",
        b"\x01a\x02",
        b"\x01a\x07\0",
        b"\x01a\x07\0\x02x",
        b"\x01a\x07\0\x01\xff",
        b"\x01\xff\x00",
        b"\x01a\x09short",
        b"\x01a\x00\x01b\x00\x01a\x01",
        &many,
    ] {
        let bytes = [raw_frame(headers, b"x"), event("e", "y")].concat();
        assert_eq!(payloads(&bytes), [Err(Headers), Ok("y".to_owned())], "{headers:?}");
    }
    let many: Vec<u8> = (0..=127).flat_map(|name| [1, name, 0]).collect();
    assert_eq!(read(&raw_frame(&many, b""))[0].as_ref().unwrap().0.len(), 128);
}

#[test]
fn a_damaged_frame_is_skipped() {
    let bytes = [event("e", "one"), event("e", "two"), event("e", "three")].concat();
    let ok = |text: &str| Ok(text.to_owned());
    let length = event("e", "one").len();
    // In the payload, the headers, and the checksum.
    for at in [length + 20, 2 * length - 5, 2 * length - 1] {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x10;
        assert_eq!(payloads(&bytes), [ok("one"), Err(Checksum), ok("three")], "{at}");
    }
    // In the lengths: the next frame is found.
    for at in length..length + 12 {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x10;
        assert_eq!(payloads(&bytes), [ok("one"), Err(Lost), ok("three")], "{at}");
    }
    let noise = [&b"noise"[..], &[0; 100], &bytes, b"\0\0\0\x10 more noise"].concat();
    assert_eq!(payloads(&noise), [Err(Lost), ok("one"), ok("two"), ok("three"), Err(Lost)]);
}

#[test]
fn every_flipped_bit_is_a_fault() {
    let frames = [event("e", "{\"a\":1}"), event("end", ""), exception("x", "{}")];
    let bytes = frames.concat();
    let expected = read(&bytes);
    for bit in 0..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let mut read = read_with(EventStreamDecoder::new(), &[&bytes]);
        let fault = read.iter().position(Result::is_err).expect("a fault");
        drop(read.remove(fault));
        let mut others = expected.clone();
        drop(others.remove(fault));
        assert_eq!(read, others, "bit {bit}");
    }
}

#[test]
fn a_stream_that_ends_within_a_frame() {
    let bytes = [event("e", "one"), event("e", "two")].concat();
    let length = event("e", "one").len();
    for end in length + 1..2 * length {
        assert_eq!(payloads(&bytes[..end]), [Ok("one".to_owned()), Err(Cut)], "{end}");
    }
    assert_eq!(payloads(b""), []);
}

#[test]
fn a_decoder_can_be_used_again() {
    let mut decoder = EventStreamDecoder::new();
    let mut faults = Vec::new();
    decoder.push(&event("e", "one")[..20], &mut |frame| faults.extend(frame.err()));
    decoder.finish(&mut |frame| faults.extend(frame.err()));
    decoder.push(&event("e", "one"), &mut |frame| faults.extend(frame.err()));
    assert_eq!(faults, [Cut]);
}

#[test]
fn frames_over_the_limit_are_skipped() {
    let long = "x".repeat(101);
    let bytes = [event("e", &long), event("e", &long[1..]), event("e", &long)].concat();
    for size in [1, 12, 50, 1000] {
        let read = read_with(EventStreamDecoder::with_limit(100), &cut(&bytes, &[size]));
        assert!(matches!(&read[..], [Err(TooLong), Ok(_), Err(TooLong)]), "{size}: {read:?}");
    }
    let headers = vec![b'x'; 128 * 1024 + 1];
    let bytes = [raw_frame(&headers, b""), event("e", "one")].concat();
    let read = read_with(EventStreamDecoder::new(), &[&bytes]);
    assert!(matches!(&read[..], [Err(TooLong), Ok(_)]), "{read:?}");
}

#[test]
fn impossible_lengths_are_no_frame() {
    for (total, headers) in [(0_u32, 0_u32), (15, 0), (16, 1), (40, 25), (16, u32::MAX)] {
        let mut prelude = [total.to_be_bytes(), headers.to_be_bytes()].concat();
        let mut checksum = flate2::Crc::new();
        checksum.update(&prelude);
        prelude.extend_from_slice(&checksum.sum().to_be_bytes());
        let bytes = [prelude, event("e", "one")].concat();
        assert_eq!(payloads(&bytes), [Err(Lost), Ok("one".to_owned())], "{total} {headers}");
    }
}

#[test]
fn a_frame_that_does_not_end_is_not_held_beyond_the_limit() {
    let mut bytes = raw_frame(b"", &vec![b'x'; 1024 * 1024]);
    bytes.truncate(bytes.len() - 1);
    let peak = allocation_counter::measure(|| {
        let mut decoder = EventStreamDecoder::with_limit(4096);
        for piece in bytes.chunks(1000) {
            decoder.push(piece, &mut |_| {});
        }
    });
    assert!(peak.bytes_max < 4096, "{}", peak.bytes_max);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cuts_do_not_matter(
        parts in prop::collection::vec(
            prop_oneof![
                4 => "[a-z]{0,30}".prop_map(|text| event("e", &text)),
                1 => prop::collection::vec(any::<u8>(), 0..40),
                1 => ("[a-z]{0,30}", 0_usize..60, 1_u8..).prop_map(|(text, at, bits)| {
                    let mut frame = event("e", &text);
                    let at = at % frame.len();
                    frame[at] ^= bits;
                    frame
                }),
            ],
            0..8,
        ),
        lengths in prop::collection::vec(1_usize..50, 1..6),
    ) {
        let bytes = parts.concat();
        let pieces = cut(&bytes, &lengths);
        prop_assert_eq!(
            read_with(EventStreamDecoder::new(), &pieces),
            read_with(EventStreamDecoder::new(), &[&bytes])
        );
    }
}
