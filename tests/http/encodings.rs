//! Compressed bodies pass unchanged, and their tokens are emitted as soon as their bytes arrive.

mod bombs;
mod codec;
mod requests;

use codec::{CODINGS, Coding, compress, flushed};
use http::Response;
use http_body_util::BodyExt;
use support::http::{HELLO, Scripted, Step, WHOLE, answered, data, event_stream, json};
use support::{MODES, Mode, Recorders, on_each_runtime};
use tower_llm_callbacks::{ErrorKind, HttpCallbackLayer, testing::Recorded};

fn encoded(answer: Response<Scripted>, coding: &str) -> Response<Scripted> {
    let mut answer = answer;
    answer.headers_mut().insert("content-encoding", coding.parse().unwrap());
    answer
}

/// Reads an answer to its end, asserts that it is unchanged, and returns the terminal event.
async fn terminal_of(
    recorders: &Recorders,
    answer: Response<Scripted>,
    kind: Option<ErrorKind>,
) -> Recorded {
    let bytes = answer.body().clone().collect().await.unwrap().to_bytes();
    let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
    let through = answered(&layer, || answer.clone()).await;
    assert_eq!(through.headers(), answer.headers());
    assert!(
        through.into_body().collect().await.unwrap().to_bytes() == bytes,
        "the body is unchanged"
    );
    recorders.ended(kind).await
}

async fn inline_terminal_of(answer: Response<Scripted>, kind: Option<ErrorKind>) -> Recorded {
    terminal_of(&Recorders::new(&[Mode::Inline]), answer, kind).await
}

/// Cuts bytes into chunks of one byte.
fn singly(bytes: &[u8]) -> Scripted {
    Scripted::chunks(bytes.iter().map(|byte| vec![*byte]))
}

#[test]
fn every_coding_is_decoded_at_any_chunk_size() {
    on_each_runtime(|| async {
        let plain = HELLO.concat();
        for mode in [Mode::Inline, MODES[1], MODES[5]] {
            for coding in CODINGS {
                let bytes = compress(*coding, plain.as_bytes());
                for body in [Scripted::chunks([bytes.clone()]), singly(&bytes).exact()] {
                    let answer = encoded(event_stream(body), coding.name());
                    let end = terminal_of(&Recorders::new(&[mode]), answer, None).await;
                    let result = end.result().unwrap();
                    assert_eq!((result.text(), result.tokens), ("Hello", 2), "{coding:?}");
                    assert_eq!((result.decode_faults, result.decode_skipped), (0, false));
                }
            }
        }
    });
}

#[test]
fn stacked_codings_and_alternative_names() {
    on_each_runtime(|| async {
        let plain = HELLO.concat();
        let (gzip, br) = (Coding::Gzip, Coding::Brotli);
        let once = compress(gzip, plain.as_bytes());
        let twice = compress(br, &once);
        let thrice = compress(Coding::Zstd, &twice);
        for (name, bytes) in [
            ("identity", plain.as_bytes()),
            ("", plain.as_bytes()),
            ("x-gzip", &once[..]),
            ("GZip", &once[..]),
            ("identity, gzip ,identity", &once[..]),
            ("gzip, br", &twice[..]),
            ("gzip,br,zstd", &thrice[..]),
        ] {
            for body in [Scripted::chunks([bytes.to_vec()]), singly(bytes)] {
                let end = inline_terminal_of(encoded(event_stream(body), name), None).await;
                assert_eq!(end.result().unwrap().text(), "Hello", "{name}");
            }
        }
        // In two headers.
        let mut answer = encoded(event_stream(Scripted::chunks([twice.clone()])), "gzip");
        answer.headers_mut().append("content-encoding", "br".parse().unwrap());
        assert_eq!(inline_terminal_of(answer, None).await.result().unwrap().text(), "Hello");
    });
}

#[test]
fn unknown_and_excess_codings_are_skipped() {
    on_each_runtime(|| async {
        for name in ["compress", "gzip, compress", "gzip, gzip, gzip, gzip", "gz\u{e9}p"] {
            let answer = encoded(event_stream(Scripted::chunks(HELLO)), name);
            let end = inline_terminal_of(answer, None).await;
            let result = end.result().unwrap();
            assert_eq!((result.text(), result.tokens), ("", 0), "{name}");
            assert_eq!((result.decode_faults, result.decode_skipped), (0, true), "{name}");
            // An error status is still an error.
            let answer = encoded(json(429, Scripted::chunks(["{}"])), name);
            let end = inline_terminal_of(answer, Some(ErrorKind::Provider)).await;
            assert_eq!(end.error().unwrap().message(), "HTTP status 429");
        }
    });
}

/// Servers send `none` or a charset. What is not registered as a coding is one only if the body is not text.
#[test]
fn a_word_that_is_no_coding_means_identity() {
    on_each_runtime(|| async {
        for name in ["none", "UTF-8", "identity, none", "binary", "snappy"] {
            let answer = encoded(event_stream(Scripted::chunks(HELLO)), name);
            let end = inline_terminal_of(answer, None).await;
            let result = end.result().unwrap();
            assert_eq!((result.text(), result.decode_skipped), ("Hello", false), "{name}");
            let refused = br#"{"error":{"type":"rate_limit_error","message":"slow down"}}"#;
            let answer = encoded(json(429, Scripted::chunks([refused.to_vec()])), name);
            let end = inline_terminal_of(answer, Some(ErrorKind::Provider)).await;
            assert_eq!(end.error().unwrap().message(), "slow down", "{name}");
        }
        let body = Scripted::chunks([b"\xFF\x06\0\0sNaPpY".to_vec()]);
        let end = inline_terminal_of(encoded(event_stream(body), "x-snappy-framed"), None).await;
        assert!(end.result().unwrap().decode_skipped);
    });
}

#[test]
fn unstreamed_and_error_answers_are_decoded() {
    on_each_runtime(|| async {
        for coding in CODINGS {
            let body = Scripted::chunks([compress(*coding, WHOLE.as_bytes())]);
            let end = inline_terminal_of(encoded(json(200, body), coding.name()), None).await;
            assert_eq!(end.result().unwrap().text(), "Hello");
            assert!(!end.result().unwrap().streamed);
            let refused = br#"{"error":{"type":"rate_limit_error","message":"slow down"}}"#;
            let body = Scripted::chunks([compress(*coding, refused)]);
            let answer = encoded(json(429, body), coding.name());
            let end = inline_terminal_of(answer, Some(ErrorKind::Provider)).await;
            assert_eq!(end.error().unwrap().message(), "slow down");
        }
    });
}

/// The provider flushes each event. Its token is emitted at its last byte, not later.
#[test]
fn tokens_are_emitted_at_their_last_byte() {
    on_each_runtime(|| async {
        let events: Vec<String> =
            (0..20).map(|n| support::http::text_event(&n.to_string())).collect();
        for coding in CODINGS {
            let pieces = flushed(*coding, events.iter().map(String::as_bytes));
            for singly in [false, true] {
                let recorders = Recorders::new(&[Mode::Inline]);
                let steps: Vec<Step> = pieces
                    .iter()
                    .flat_map(|piece| piece.chunks(if singly { 1 } else { piece.len() }))
                    .map(|bytes| data(bytes.to_vec()))
                    .chain([Step::Hang])
                    .collect();
                let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
                let answer = encoded(event_stream(Scripted::new(steps)), coding.name());
                let mut body = answered(&layer, || answer.clone()).await.into_body();
                let mut expected = String::new();
                for (n, piece) in pieces.iter().take(events.len()).enumerate() {
                    for _ in 0..if singly { piece.len() } else { 1 } {
                        body.frame().await.unwrap().unwrap();
                    }
                    expected += &n.to_string();
                    assert_eq!(
                        recorders.each[0].1.text(),
                        expected,
                        "{coding:?}, single bytes: {singly}"
                    );
                }
            }
        }
    });
}

#[test]
fn a_cut_stream_is_truncated_unless_its_end_mark_was_read() {
    on_each_runtime(|| async {
        for coding in CODINGS {
            let pieces = flushed(*coding, HELLO.iter().map(|event| event.as_bytes()));
            let first_events = |events: usize| {
                Scripted::chunks(pieces.iter().take(events).cloned().collect::<Vec<_>>())
            };
            let answer = encoded(event_stream(first_events(2)), coding.name());
            let end = inline_terminal_of(answer, Some(ErrorKind::Truncated)).await;
            assert_eq!(end.result().unwrap().text(), "Hel", "{coding:?}");
            // Without the trailer of the compressed stream.
            let answer = encoded(event_stream(first_events(5)), coding.name());
            assert_eq!(inline_terminal_of(answer, None).await.result().unwrap().text(), "Hello");
            // Within an event.
            let bytes = compress(*coding, HELLO.concat().as_bytes());
            let half = Scripted::chunks([bytes[..bytes.len() / 2].to_vec()]);
            let end =
                inline_terminal_of(encoded(event_stream(half), coding.name()), TRUNCATED).await;
            assert!(!end.result().unwrap().decode_skipped, "{coding:?}");
        }
    });
}

const TRUNCATED: Option<ErrorKind> = Some(ErrorKind::Truncated);

#[test]
fn concatenated_members_are_decoded() {
    on_each_runtime(|| async {
        for coding in [Coding::Gzip, Coding::Zstd] {
            let members: Vec<_> =
                HELLO.iter().map(|event| compress(coding, event.as_bytes())).collect();
            for body in [Scripted::chunks(members.clone()), singly(&members.concat())] {
                let end =
                    inline_terminal_of(encoded(event_stream(body), coding.name()), None).await;
                assert_eq!(end.result().unwrap().text(), "Hello", "{coding:?}");
            }
        }
    });
}

/// A coding error is one fault, and the rest of the body is skipped.
#[test]
fn corrupt_data_is_one_fault_and_is_skipped() {
    on_each_runtime(|| async {
        for coding in CODINGS.iter().filter(|coding| **coding != Coding::BareDeflate) {
            let good = compress(*coding, HELLO.concat().as_bytes());
            let mut flipped = flushed(*coding, HELLO.iter().map(|event| event.as_bytes())).concat();
            let at = flipped.len() / 2;
            flipped[at..at + 16].fill(0xFF);
            let plain = b"not compressed at all, not a bit".to_vec();
            for (bytes, most) in [(plain, 1), ([&good[..4], &[0xFF; 90]].concat(), 1), (flipped, 3)]
            {
                for body in [Scripted::chunks([bytes.clone()]), singly(&bytes)] {
                    let answer = encoded(event_stream(body.clone()), coding.name());
                    let end = inline_terminal_of(answer, None).await;
                    let result = end.result().unwrap();
                    assert!((1..=most).contains(&result.decode_faults), "{coding:?}: {result:?}");
                    // Without checksums, flipped bytes may decode to other text.
                    assert!(result.decode_skipped || most > 1, "{coding:?}");
                    let answer = encoded(json(500, body), coding.name());
                    let end = inline_terminal_of(answer, Some(ErrorKind::Provider)).await;
                    assert!(end.result().unwrap().decode_faults <= 1, "{coding:?}");
                }
            }
        }
    });
}
