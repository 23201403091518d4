//! User formats and decoders that panic, in each of their methods.

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Full};
use support::http::{HELLO, Scripted, Upstream, answered, event_stream, json, prompt};
use support::quiet_panics;
use support::{Mode, Recorders, in_each_mode, on_each_runtime};
use tower::{Layer, Service};
use tower_llm_callbacks::{
    Abort, Delta, ErrorKind, EventKind, HttpCallbackLayer, LlmStart, ProviderError,
    wire::{Call, Decoder, Format, LlmHttpRequest, LlmHttpResponse},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Matches,
    Describe,
    Start,
    Decoder,
    Push,
    Finish,
    Error,
    ErrorBody,
    Nowhere,
}

#[derive(Debug, Clone)]
struct Panics(At);

impl Panics {
    fn at(&self, at: At) {
        if self.0 == at {
            panic!("scripted: the format panics");
        }
    }
}

impl Format for Panics {
    fn matches(&self, _: &Method, _: &str) -> bool {
        self.at(At::Matches);
        true
    }

    fn describe(&self, _: &LlmHttpRequest<'_>) -> Call {
        self.at(At::Describe);
        Call::new()
    }

    fn start(&self, _: &LlmHttpRequest<'_>) -> LlmStart {
        self.at(At::Start);
        LlmStart::new("acme", "chat")
    }

    fn decoder(&self, _: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        self.at(At::Decoder);
        Box::new(self.clone())
    }

    fn error(&self, _: StatusCode, _: &[u8]) -> ProviderError {
        self.at(At::Error);
        ProviderError::new("no")
    }

    fn error_body(&self, _: StatusCode, _: &str) -> Vec<u8> {
        self.at(At::ErrorBody);
        b"{}".to_vec()
    }
}

impl Decoder for Panics {
    fn push(&mut self, _: &[u8], each: &mut dyn FnMut(Delta<'_>)) {
        each(Delta::text("a"));
        self.at(At::Push);
    }

    fn finish(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        self.at(At::Finish);
        each(Delta::Done);
    }
}

#[test]
fn panics_cost_neither_the_answer_nor_the_terminal() {
    quiet_panics();
    in_each_mode(|mode| async move {
        for (at, kind, text) in [
            (At::Start, None, "aaaaa"),
            (At::Decoder, None, ""),
            (At::Push, None, "a"),
            (At::Describe, None, "aaaaa"),
            (At::Finish, Some(ErrorKind::Truncated), "aaaaa"),
            (At::Error, None, "aaaaa"),
            (At::ErrorBody, None, "aaaaa"),
            (At::Nowhere, None, "aaaaa"),
        ] {
            // Twice with one layer: the panic leaves no state behind.
            let layer =
                HttpCallbackLayer::new(Recorders::new(&[]).callbacks).route("*", Panics(at));
            for _ in 0..2 {
                let recorders = Recorders::new(&[mode]);
                let layer = layer.clone().inheritable_callbacks(&recorders.callbacks);
                let answer = || event_stream(Scripted::chunks(HELLO));
                let body = answered(&layer, answer).await.into_body();
                assert_eq!(body.collect().await.unwrap().to_bytes(), HELLO.concat());
                let end = recorders.ended(kind).await;
                assert_eq!(end.result().unwrap().text(), text, "{at:?}");
                let recorders = Recorders::new(&[mode]);
                let layer = layer.inheritable_callbacks(&recorders.callbacks);
                let body = answered(&layer, || json(500, Scripted::chunks(["no"]))).await;
                assert_eq!(body.into_body().collect().await.unwrap().to_bytes(), "no");
                recorders.ended(Some(ErrorKind::Provider)).await;
            }
        }
    });
}

/// A format that panics in `matches` is not asked again. The other formats are.
#[test]
fn a_panic_in_matches() {
    quiet_panics();
    on_each_runtime(|| async {
        let recorders = Recorders::new(&[Mode::Inline]);
        let layer = HttpCallbackLayer::new(recorders.callbacks.clone()).format(Panics(At::Matches));
        let body = answered(&layer, || event_stream(Scripted::chunks(HELLO))).await.into_body();
        assert_eq!(body.collect().await.unwrap().to_bytes(), HELLO.concat());
        let end = recorders.ended(None).await;
        assert_eq!(end.result().unwrap().text(), "Hello");
    });
}

#[test]
fn a_panic_in_error_body() {
    quiet_panics();
    on_each_runtime(|| async {
        let recorders = Recorders::new(&[Mode::Inline]).with(Mode::Inline.closure(|run, event| {
            if event.kind() == EventKind::LlmStart {
                run.abort(Abort::new("enough"));
            }
        }));
        let layer =
            HttpCallbackLayer::new(recorders.callbacks.clone()).route("*", Panics(At::ErrorBody));
        let mut service = layer.layer(Upstream(|| json(200, Full::<Bytes>::default())));
        let response = service.call(prompt()).await.unwrap();
        assert!(response.status().is_client_error() || response.status().is_server_error());
        assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
        recorders.ended(Some(ErrorKind::Aborted)).await;
    });
}

/// Emits deltas from `finish` that may not follow the answer's other deltas.
#[derive(Debug, Clone)]
struct Late;

impl Format for Late {
    fn start(&self, _: &LlmHttpRequest<'_>) -> LlmStart {
        LlmStart::new("acme", "chat")
    }

    fn decoder(&self, _: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        Box::new(Late)
    }

    fn error(&self, _: StatusCode, _: &[u8]) -> ProviderError {
        ProviderError::new("no")
    }

    fn error_body(&self, _: StatusCode, _: &str) -> Vec<u8> {
        Vec::new()
    }
}

impl Decoder for Late {
    fn push(&mut self, _: &[u8], _: &mut dyn FnMut(Delta<'_>)) {}

    fn finish(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        each(Delta::text("late"));
        each(Delta::NotStreamed);
        each(Delta::Done);
    }
}

/// Deltas that the decoder of an aborted call emits from `finish` are ignored.
#[test]
fn deltas_after_the_terminal_are_ignored() {
    in_each_mode(|mode| async move {
        let (handler, seen) = support::runs();
        let recorders = Recorders::new(&[mode]).with(handler);
        let layer = HttpCallbackLayer::new(recorders.callbacks.clone()).route("*", Late);
        let mut body = answered(&layer, || json(200, Scripted::chunks(["{}"]))).await.into_body();
        assert!(seen.lock().unwrap()[0].abort(Abort::new("enough")));
        assert!(body.frame().await.unwrap().is_err());
        drop(body);
        recorders.ended(Some(ErrorKind::Aborted)).await;
    });
}
