//! Malicious upstreams and panicking formats: the body passes unchanged, memory is bounded, and there is one
//! terminal event.

mod formats;

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use allocation_counter::measure;
use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use support::http::{HELLO, STOP, Scripted, answered, event_stream, json, post};
use support::{Flavor, Mode, Recorders, on_each_runtime};
use tower::{BoxError, Layer, Service};
use tower_llm_callbacks::{
    Callbacks, ErrorKind, EventData, HttpCallbackLayer, LlmResult, on_event,
    wire::{Format, anthropic::AnthropicMessages, openai_chat::OpenAiChat},
};

const MIB: u64 = 1024 * 1024;

/// Makes each frame when polled, so that only the current one uses memory.
struct Endless<F> {
    next: u64,
    frames: u64,
    make: F,
}

impl<F: FnMut(u64) -> Bytes + Unpin> Body for Endless<F> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.next == self.frames {
            return Poll::Ready(None);
        }
        let number = self.next;
        self.next += 1;
        Poll::Ready(Some(Ok(Frame::data((self.make)(number)))))
    }
}

/// What it costs to read this number of frames through the layer.
struct Cost {
    peak: u64,
    cpu: Duration,
    result: LlmResult,
}

fn read<F>(mime: &'static str, frames: u64, make: F) -> Cost
where
    F: Fn(u64) -> Bytes + Unpin + Copy,
{
    read_as(AnthropicMessages, mime, frames, make)
}

fn read_as<F>(format: impl Format, mime: &'static str, frames: u64, make: F) -> Cost
where
    F: Fn(u64) -> Bytes + Unpin + Copy,
{
    let runtime = Flavor::Current.runtime();
    let ends = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&ends);
    // Stores no tokens, as a recorder would.
    let handler = on_event(move |_, event| match event.data() {
        EventData::LlmEnd(result) => seen.lock().unwrap().push(LlmResult::clone(result)),
        EventData::LlmError(error) => seen.lock().unwrap().push(error.result().unwrap().clone()),
        _ => {}
    });
    let callbacks = Callbacks::new().inline(handler);
    let layer = HttpCallbackLayer::new(callbacks).route("*", format);
    let before = cpu();
    let used = measure(|| {
        runtime.block_on(async {
            let answer = || {
                let mut response = event_stream(Endless { next: 0, frames, make });
                response.headers_mut().insert("content-type", mime.parse().unwrap());
                response
            };
            let mut body = answered(&layer, answer).await.into_body();
            let mut number = 0;
            while let Some(frame) = body.frame().await {
                let frame = frame.unwrap().into_data().unwrap();
                assert!(frame == make(number), "the frame is unchanged");
                number += 1;
            }
            assert_eq!(number, frames);
        });
    });
    let mut ends = ends.lock().unwrap();
    assert_eq!(ends.len(), 1, "one terminal");
    Cost { peak: used.bytes_max, cpu: cpu() - before, result: ends.pop().unwrap() }
}

/// CPU time of this thread.
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

const EVENTS: &str = "text/event-stream";
const FRAME: usize = 64 * 1024;

fn filled(byte: u8) -> Bytes {
    Bytes::from(vec![byte; FRAME])
}

#[test]
fn endless_lines_comments_and_answers_are_bounded() {
    const FRAMES: u64 = 100 * MIB / FRAME as u64;
    for (mime, first, most) in [
        (EVENTS, "data: {\"a\": \"", 40 * MIB),
        (EVENTS, ": ", 40 * MIB),
        (EVENTS, "event: ", 40 * MIB),
        (EVENTS, "", 40 * MIB),
        (EVENTS, "{", 140 * MIB),
        ("application/json", "{\"a\": \"", 140 * MIB),
    ] {
        let cost = read(mime, FRAMES, move |number| match number {
            0 => Bytes::from_static(first.as_bytes()),
            _ => filled(b'x'),
        });
        assert!(cost.peak < most, "{mime} {first}: {}", cost.peak);
        assert_eq!(cost.result.text(), "");
        assert!(cost.result.decode_faults <= 1, "{first}");
    }
}

/// Decoding resumes after an event that is too long.
#[test]
fn an_event_that_is_too_long_is_skipped() {
    let cost = read(EVENTS, 330, |number| match number {
        0 => Bytes::from_static(b"data: {"),
        328 => Bytes::from("\n\n"),
        329 => Bytes::from(HELLO.concat()),
        _ => filled(b'x'),
    });
    assert_eq!((cost.result.text(), cost.result.decode_faults), ("Hello", 1));
}

#[test]
fn invalid_utf8_is_skipped() {
    for bytes in [
        &b"\xFF"[..],
        b"\0",
        b"\xC3",
        b"\xED\xA0\x80",
        b"\xEF\xBB\xBF",
        b"\xF5\n",
        b"data: \xFF\n\n",
    ] {
        let make = |number| match number {
            999 => Bytes::from(format!("\n\n{}", HELLO.concat())),
            _ => Bytes::from_static(bytes),
        };
        // At the start of an answer, they could change the detected kind of body.
        let cost = read(EVENTS, 1000, make);
        assert!(cost.peak < MIB, "{bytes:?}");
        assert_eq!(cost.result.text(), "Hello", "{bytes:?}");
    }
}

#[test]
fn a_million_empty_lines_are_bounded() {
    for line in ["\n", "\r\n", "\r", ":\n", "data\n\n", "data:\n", "id\n", "event: ping\n\n"] {
        let piece = line.repeat(1000);
        let piece: &'static [u8] = Box::leak(piece.into_boxed_str()).as_bytes();
        let cost = read(EVENTS, 1001, move |number| match number {
            1000 => Bytes::from(format!("\n\n{}", HELLO.concat())),
            _ => Bytes::from_static(piece),
        });
        assert!(cost.peak < 40 * MIB, "{line:?}: {}", cost.peak);
        assert_eq!(cost.result.text(), "Hello", "{line:?}");
    }
}

#[test]
fn deeply_nested_json_is_bounded() {
    let nested = |open: &str, close: &str| [open.repeat(100_000), close.repeat(100_000)].concat();
    let values =
        [nested("[", "]"), nested("{\"a\":", "}"), "[".repeat(100_000), "{\"delta\":".repeat(9)];
    for value in &values {
        for around in [
            format!("{{\"type\":\"content_block_delta\",\"index\":{value}}}"),
            format!(
                "{{\"type\":\"content_block_delta\",\"delta\":{{\"type\":\"text_delta\",\"text\":{value}}}}}"
            ),
            format!("{{\"type\":\"message_start\",\"message\":{value}}}"),
            format!("{{\"unknown\":{value}}}"),
            value.clone(),
        ] {
            let bytes: &'static str = format!("data: {around}\n\n{}", HELLO.concat()).leak();
            let cost = read(EVENTS, 1, |_| Bytes::from_static(bytes.as_bytes()));
            assert_eq!(cost.result.text(), "Hello");
            let whole: &'static str = around.leak();
            let cost = read("application/json", 1, |_| Bytes::from_static(whole.as_bytes()));
            assert_eq!(cost.result.text(), "");
        }
    }
    // The same in requests and in error answers.
    on_each_runtime(move || async {
        for value in ["[".repeat(100_000), "{\"a\":".repeat(100_000)] {
            for body in
                [value.clone(), format!("{{\"messages\":{value}"), format!("{{\"x\":{value}")]
            {
                let recorders = Recorders::new(&[Mode::Inline]);
                let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
                let refuse = body.clone();
                let upstream =
                    support::http::Upstream(move || json(400, Scripted::chunks([refuse.clone()])));
                let mut service = layer.layer(upstream);
                let request = post(http_body_util::Full::<Bytes>::from(body));
                let response = service.call(request).await.unwrap();
                response.into_body().collect().await.unwrap();
                recorders.ended(Some(ErrorKind::Provider)).await;
            }
        }
    });
}

#[test]
fn invalid_values_do_not_stop_decoding() {
    on_each_runtime(|| async {
        let values = [
            "1e999",
            "-1",
            "18446744073709551616",
            "4294967296",
            "0.5",
            "null",
            "true",
            "\"\"",
            "[]",
            "{}",
            "\"\\ud800\"",
            "[[]]",
            "NaN",
            "1e-999",
            "9223372036854775807",
        ];
        let places = [
            "\"type\":\"content_block_delta\",\"index\":{},\"delta\":{\"type\":\"text_delta\",\"text\":\"\"}",
            "\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":{}}",
            "\"type\":\"content_block_delta\",\"index\":0,\"delta\":{}",
            "\"type\":{},\"index\":{}",
            "\"type\":\"content_block_start\",\"index\":{},\"content_block\":{}",
            "\"type\":\"content_block_stop\",\"index\":{}",
            "\"type\":\"message_start\",\"message\":{\"id\":{},\"usage\":{\"input_tokens\":{},\"output_tokens\":{}}}",
            "\"type\":\"message_delta\",\"delta\":{\"stop_reason\":{}},\"usage\":{\"output_tokens\":{},\"input_tokens\":{},\"cache_read_input_tokens\":{}}",
            "\"type\":\"ping\",\"error\":{}",
        ];
        for value in values {
            for place in places {
                let event = format!("data: {{{}}}\n\n", place.replace("{}", value));
                let recorders = Recorders::new(&[Mode::Inline]);
                let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
                let chunks = [HELLO[0], &event, HELLO[1], HELLO[2], STOP].map(str::to_owned);
                let answer = || event_stream(Scripted::chunks(chunks.clone()));
                let body = answered(&layer, answer).await.into_body();
                assert_eq!(body.collect().await.unwrap().to_bytes(), chunks.concat());
                let end = recorders.ended(None).await;
                assert_eq!(end.result().unwrap().text(), "Hello", "{event}");
                assert!(end.result().unwrap().decode_faults <= 1, "{event}");
            }
        }
    });
}

/// Reads `count` events with distinct numbers.
fn numbered(format: impl Format, count: u64, event: impl Fn(u64) -> String + Unpin + Copy) -> Cost {
    read_as(format, EVENTS, count / 100, move |frame| {
        Bytes::from((0..100).map(|n| event(frame * 100 + n)).collect::<String>())
    })
}

/// Asserts that the work per event does not grow with the number of events.
fn assert_linear(few: &Cost, many: &Cost) {
    let times = many.cpu.as_secs_f64() / few.cpu.as_secs_f64();
    assert!(times < 8.0, "four times the events take {times} times as long");
    assert!(many.peak < 80_000 * 1024, "{}", many.peak);
}

#[test]
fn many_tool_calls_take_linear_time() {
    let block = |n: u64| {
        let block = r#"{"type":"tool_use","id":"t","name":"f","input":{}}"#;
        format!(
            "data: {{\"type\":\"content_block_start\",\"index\":{n},\"content_block\":{block}}}\n\n"
        )
    };
    let [few, many] = [20_000, 80_000].map(|count| numbered(AnthropicMessages, count, block));
    assert_eq!(many.result.choices[0].tool_calls.len(), 80_000);
    assert_linear(&few, &many);
}

#[test]
fn many_choices_take_linear_time() {
    let choice = |n: u64| {
        format!("data: {{\"choices\":[{{\"index\":{n},\"delta\":{{\"content\":\"a\"}}}}]}}\n\n")
    };
    let [few, many] = [20_000, 80_000].map(|count| numbered(OpenAiChat, count, choice));
    assert!(many.result.choices.iter().all(|choice| choice.text == "a"));
    assert_linear(&few, &many);
    let call = |n: u64| {
        let call = format!(
            "{{\"index\":{n},\"id\":\"c\",\"function\":{{\"name\":\"f\",\"arguments\":\"1\"}}}}"
        );
        format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"tool_calls\":[{call}]}}}}]}}\n\n")
    };
    let [few, many] = [20_000, 80_000].map(|count| numbered(OpenAiChat, count, call));
    assert_linear(&few, &many);
}

/// A request in frames of at most one byte takes no more memory than the capture limit.
#[test]
fn a_request_in_tiny_frames_is_bounded() {
    for bytes in ["x", ""] {
        let runtime = Flavor::Current.runtime();
        let recorders = Recorders::new(&[Mode::Inline]);
        let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
        let used = measure(|| {
            runtime.block_on(async {
                let make = |_| Bytes::from_static(bytes.as_bytes());
                let body = Endless { next: 0, frames: 1_000_000, make };
                let upstream = support::http::Upstream(|| json(400, Scripted::new([])));
                let response = layer.layer(upstream).call(post(body)).await.unwrap();
                let _: Response<_> = response;
            });
        });
        assert!(used.bytes_max < 32 * MIB, "{}", used.bytes_max);
    }
}

/// A header with thousands of codings does not create a decoder for each.
#[test]
fn a_header_with_thousands_of_codings_is_bounded() {
    for coding in ["br", "gzip", "deflate", "zstd"] {
        let codings = vec![coding; 10_000].join(",");
        let runtime = Flavor::Current.runtime();
        let recorders = Recorders::new(&[Mode::Inline]);
        let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
        let used = measure(|| {
            runtime.block_on(async {
                let answer = || {
                    let mut response = event_stream(Scripted::chunks(HELLO));
                    response.headers_mut().insert("content-encoding", codings.parse().unwrap());
                    response
                };
                answered(&layer, answer).await.into_body().collect().await.unwrap();
            });
        });
        assert!(used.bytes_max < 4 * MIB, "{coding}: {}", used.bytes_max);
        let result = runtime.block_on(recorders.ended(None));
        assert!(result.result().unwrap().decode_skipped);
    }
}
