#![no_main]

use std::convert::Infallible;

use bytes::Bytes;
use futures::{FutureExt, stream};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use libfuzzer_sys::fuzz_target;
use tower::{Layer, service_fn};
use tower_llm_callbacks::{Callbacks, HttpCallbackLayer, Registration, testing::{Recorder, assert_promises}};
use tower_llm_callbacks_fuzz::pieces;

const PATHS: [&str; 14] = [
    "/v1/messages",
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
    "/v1beta/models/m:streamGenerateContent",
    "/api/chat",
    "/api/generate",
    "/v2/chat",
    "/v1beta/interactions",
    "/v1/complete",
    "/ml/v1/text/generation_stream",
    "/v1/embeddings",
    "/v1/images/generations",
    "/v1/audio/transcriptions",
];
const CODINGS: [Option<&str>; 6] =
    [None, Some("gzip"), Some("deflate"), Some("br"), Some("zstd"), Some("gzip, br")];
const TYPES: [Option<&str>; 4] =
    [None, Some("text/event-stream"), Some("application/json"), Some("application/x-ndjson")];

// Whatever an upstream sends, the client receives it and the run ends once.
fuzz_target!(|data: &[u8]| {
    let [a, b, c, read, rest @ ..] = data else { return };
    let pick = |of: usize, by: u8| usize::from(by) % of;
    let (path, coding) = (PATHS[pick(PATHS.len(), *a)], CODINGS[pick(CODINGS.len(), *b)]);
    let (kind, status) = (TYPES[pick(TYPES.len(), *c)], if *c > 200 { 500 } else { 200 });
    let (pieces, body) = pieces(rest);
    let frames: Vec<_> = pieces.iter().map(|piece| Bytes::copy_from_slice(piece)).collect();

    let upstream = service_fn(|_| {
        let frames = frames.clone().into_iter().map(|data| Ok::<_, Infallible>(Frame::data(data)));
        let mut response = Response::builder().status(status);
        if let Some(coding) = coding {
            response = response.header("content-encoding", coding);
        }
        if let Some(kind) = kind {
            response = response.header("content-type", kind);
        }
        let response = response.body(StreamBody::new(stream::iter(frames))).unwrap();
        async { Ok::<_, Infallible>(response) }
    });
    let recorder = Recorder::new();
    let callbacks = Callbacks::new().add(Registration::inline(recorder.clone()));
    let service = HttpCallbackLayer::new(callbacks).layer(upstream);
    let request = Request::post(path).body(Full::new(Bytes::copy_from_slice(rest))).unwrap();
    let response = service.oneshot(request).now_or_never().unwrap().unwrap();

    let mut seen = Vec::new();
    let mut response = response.into_body();
    let mut frames_read = 0;
    // Some bodies are dropped midway.
    while frames_read < usize::from(*read) || *read > 127 {
        let Some(frame) = response.frame().now_or_never().unwrap() else { break };
        seen.extend_from_slice(&frame.unwrap().into_data().unwrap());
        frames_read += 1;
    }
    assert!(body.starts_with(&seen));
    if *read > 127 {
        assert_eq!(body, seen);
    }
    drop(response);
    assert_promises(&recorder.events());
    assert_eq!(recorder.terminals().len(), 1);
});
