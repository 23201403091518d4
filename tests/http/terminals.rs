//! Promise 1 over HTTP: however a call ends, each handler receives exactly one terminal event, of the right
//! kind and with the partial answer. A dropped call drops the upstream body at once.

mod aborts;
mod calls;

use http::{Response, StatusCode};
use http_body_util::BodyExt;
use support::http::{
    Alive, HELLO, STOP, Scripted, Step, WHOLE, data, event_stream, json, trailers,
};
use support::{Recorders, in_each_mode};
use tower_llm_callbacks::{
    ErrorKind::{self, Cancelled, Panic, Provider, Transport},
    HttpCallbackLayer,
    http_layer::TransportFailure,
};

/// How much of a body is read before it is dropped.
#[derive(Debug, Clone, Copy)]
enum Reads {
    All,
    Frames(usize),
}

/// A way for an answer to end, and the expected terminal event.
struct Way {
    name: String,
    answer: Response<Scripted>,
    reads: Reads,
    kind: Option<ErrorKind>,
    text: &'static str,
}

fn way(
    name: impl Into<String>,
    answer: Response<Scripted>,
    kind: Option<ErrorKind>,
    text: &'static str,
) -> Way {
    Way { name: name.into(), answer, reads: Reads::All, kind, text }
}

fn dropped(mut way: Way, frames: usize) -> Way {
    way.reads = Reads::Frames(frames);
    way.name += &format!(", dropped after {frames} frames");
    way
}

fn hello() -> Scripted {
    Scripted::chunks(HELLO)
}

fn hello_and(step: Step) -> Scripted {
    Scripted::new(HELLO.into_iter().map(data).chain([step]))
}

fn cut(frames: usize, then: Step) -> Scripted {
    Scripted::new(HELLO.into_iter().take(frames).map(data).chain([then]))
}

fn streams() -> Vec<Way> {
    let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n";
    let no_blank_line = STOP.trim_end();
    let mut ways = vec![
        way("a known length", event_stream(hello().exact()), None, "Hello"),
        way("a known last frame", event_stream(hello().knows_end()), None, "Hello"),
        way("an unknown length", event_stream(hello()), None, "Hello"),
        way("trailers", event_stream(hello_and(trailers())), None, "Hello"),
        way("trailers known last", event_stream(hello_and(trailers()).knows_end()), None, "Hello"),
        way("a length and trailers", event_stream(hello_and(trailers()).exact()), None, "Hello"),
        way("a last event cut short", event_stream(cut(4, data(no_blank_line))), None, "Hello"),
        way("an error", event_stream(cut(2, Step::Fail)), Some(Transport), "Hel"),
        way("an error at once", event_stream(cut(0, Step::Fail)), Some(Transport), ""),
        way("an error after the finish", event_stream(cut(4, Step::Fail)), None, "Hello"),
        way("cut after the finish", event_stream(cut(4, Step::Wait)), None, "Hello"),
        way("an error after the mark", event_stream(hello_and(Step::Fail)), None, "Hello"),
        way("more after the mark", event_stream(hello_and(data(HELLO[1]))), None, "Hello"),
        way("truncated", event_stream(cut(2, Step::Wait)), Some(ErrorKind::Truncated), "Hel"),
        way(
            "truncated, of a known length",
            event_stream(cut(3, data("")).exact()),
            TRUNCATED,
            "Hello",
        ),
        way("an error event", event_stream(cut(2, data(error))), Some(Provider), "Hel"),
        way("an error event only", event_stream(cut(0, data(error))), Some(Provider), ""),
        way("a panic", event_stream(cut(2, Step::Panic)), Some(Panic), "Hel"),
        way("an empty body", event_stream(Scripted::new([]).knows_end()), TRUNCATED, ""),
        way("an empty body of length 0", event_stream(Scripted::new([]).exact()), TRUNCATED, ""),
        way("an empty body of unknown length", event_stream(Scripted::new([])), TRUNCATED, ""),
    ];
    for (frames, text) in ["", "", "Hel", "Hello", "Hello"].into_iter().enumerate() {
        // The fourth frame has the finish reason.
        let kind = (frames < 4).then_some(Cancelled);
        for (name, body) in [("known", hello().exact()), ("unknown", hello())] {
            ways.push(dropped(way(name, event_stream(body), kind, text), frames));
        }
        let hangs = event_stream(cut(frames, Step::Hang));
        ways.push(dropped(way("hangs", hangs, kind, text), frames));
    }
    ways.extend([
        dropped(way("after the mark", event_stream(hello()), None, "Hello"), 5),
        dropped(way("mark and more", event_stream(hello_and(data("x"))), None, "Hello"), 5),
        dropped(way("mark and more", event_stream(hello_and(data("x"))), None, "Hello"), 6),
        dropped(way("before the trailers", event_stream(hello_and(trailers())), None, "Hello"), 5),
    ]);
    ways
}

const TRUNCATED: Option<ErrorKind> = Some(ErrorKind::Truncated);

fn whole_answers() -> Vec<Way> {
    let halves = || WHOLE.as_bytes().chunks(WHOLE.len() / 2 + 1).map(|half| data(half.to_vec()));
    let body = || Scripted::new(halves());
    let half = || Scripted::new(halves().take(1));
    let broken = || Scripted::new(halves().take(1).chain([Step::Fail]));
    vec![
        way("whole", json(200, body()), None, "Hello"),
        way("unstreamed, of a known length", json(200, body().exact()), None, "Hello"),
        way(
            "unstreamed, and an error",
            json(200, Scripted::new(halves().chain([Step::Fail]))),
            None,
            "Hello",
        ),
        way("half", json(200, half()), TRUNCATED, ""),
        way("half, and an error", json(200, broken()), Some(Transport), ""),
        dropped(way("whole", json(200, body()), None, "Hello"), 2),
        dropped(way("whole", json(200, body()), Some(Cancelled), ""), 1),
        dropped(way("whole", json(200, body()), Some(Cancelled), ""), 0),
    ]
}

const REFUSED: &str =
    r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}"#;

fn refusals() -> Vec<Way> {
    let huge = || std::iter::repeat_n(vec![b' '; 256 * 1024], 8);
    let mut ways = Vec::new();
    for status in [301, 401, 529] {
        let bodies = [
            ("JSON", Scripted::chunks([REFUSED])),
            ("JSON in pieces", Scripted::chunks([&REFUSED[..20], &REFUSED[20..]]).exact()),
            ("HTML", Scripted::chunks(["<html>no</html>"])),
            ("empty", Scripted::new([]).knows_end()),
            ("empty, unknown", Scripted::new([])),
            ("huge", Scripted::chunks(huge())),
            ("broken", Scripted::new([data(&REFUSED[..20]), Step::Fail])),
        ];
        for (name, body) in bodies {
            let name = format!("{status} {name}");
            for reads in [Reads::All, Reads::Frames(0), Reads::Frames(1)] {
                let way = way(&name, json(status, body.clone()), Some(Provider), "");
                ways.push(Way { reads, ..way });
            }
        }
    }
    let mut failed = json(502, Scripted::chunks(["cannot connect"]));
    failed.extensions_mut().insert(TransportFailure::new("connection refused"));
    ways.push(way("a transport failure", failed.clone(), Some(Transport), ""));
    ways.push(dropped(way("a transport failure", failed, Some(Transport), ""), 0));
    let mut empty = json(502, Scripted::new([]).knows_end());
    empty.extensions_mut().insert(TransportFailure::new("connection refused"));
    ways.push(way("an empty transport failure", empty, Some(Transport), ""));
    ways
}

/// Reads a body as far as `way` requires, and drops it.
async fn follow(way: &Way, recorders: &Recorders) {
    let alive = Alive::default();
    let answer = || way.answer.clone().map(|body| body.alive(&alive));
    let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
    let response = support::http::answered(&layer, answer).await;
    assert_eq!(response.status(), way.answer.status());
    let mut body = response.into_body();
    assert_eq!(alive.count(), 1);
    let frames = match way.reads {
        Reads::All => usize::MAX,
        Reads::Frames(frames) => frames,
    };
    let body = if way.kind == Some(Panic) {
        support::quiet_panics();
        assert!(tokio::spawn(body.collect()).await.unwrap_err().is_panic());
        None
    } else {
        for _ in 0..frames {
            if !matches!(body.frame().await, Some(Ok(_))) {
                break;
            }
        }
        Some(body)
    };
    drop(body);
    assert_eq!(alive.count(), 0, "{}", way.name);
}

fn assert_ends(ways: fn() -> Vec<Way>) {
    in_each_mode(move |mode| async move {
        for way in ways() {
            let recorders = Recorders::new(&[mode]);
            println!("{}", way.name);
            follow(&way, &recorders).await;
            let terminal = recorders.ended(way.kind).await;
            assert_eq!(terminal.result().unwrap().text(), way.text, "{}", way.name);
            if let Some(error) = terminal.error() {
                assert_error(&way, error);
            }
        }
    });
}

/// Asserts the message, status and code of an error.
fn assert_error(way: &Way, error: &tower_llm_callbacks::RunError) {
    let status = way.answer.status();
    let found = (error.message(), error.status(), error.provider_code());
    match (way.kind, status) {
        (Some(Provider), StatusCode::OK) => {
            assert_eq!(found, ("busy", None, Some("overloaded_error")));
        }
        (Some(Provider), _) => {
            assert_eq!(error.status(), Some(status.as_u16()), "{}", way.name);
            let is_read = matches!(way.reads, Reads::All) && way.name.contains("JSON");
            if is_read {
                assert_eq!((found.0, found.2), ("slow down", Some("rate_limit_error")));
            } else if !way.name.contains("JSON") {
                assert_eq!(found.0, format!("HTTP status {}", status.as_u16()));
            }
        }
        (Some(Transport), StatusCode::BAD_GATEWAY) => {
            assert_eq!(found, ("connection refused", Some(502), None));
        }
        (Some(Transport), _) => assert_eq!(found, ("the peer reset the stream", None, None)),
        _ => assert_eq!(error.status(), None),
    }
}

#[test]
fn streams_end_with_the_expected_terminal() {
    assert_ends(streams);
}

#[test]
fn unstreamed_answers_end_with_the_expected_terminal() {
    assert_ends(whole_answers);
}

#[test]
fn error_answers_end_with_the_expected_terminal() {
    assert_ends(refusals);
}
