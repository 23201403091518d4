//! Recorded answers through the HTTP layer, in every coding and at any frame size. The client receives the
//! answer's bytes and the provider the request's. The run's result equals that of the decoder alone, which
//! other tests compare with what the official SDKs read.

mod compress;

use std::{convert::Infallible, fs, path::Path};
use support::wire::{of_type, response};

use bytes::Bytes;
use compress::{CODINGS, compress};
use futures::stream;
use http::{Request, Response, Uri};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde_json::Value;
use support::recordings::folder;
use tower::{Layer, service_fn};
use tower_llm_callbacks::{
    Callbacks, ErrorKind, HttpCallbackLayer, LlmResult, Registration,
    event::Accumulator,
    http_layer::RequestBody,
    testing::{Recorder, assert_promises},
    wire::{
        Format,
        anthropic::AnthropicMessages,
        bedrock::BedrockConverse,
        cohere::CohereChat,
        gemini::Gemini,
        ollama::OllamaChat,
        openai_chat::{OpenAiChat, OpenAiCompletions},
        openai_responses::OpenAiResponses,
    },
};

struct Recorded {
    file: String,
    uri: Uri,
    request: Bytes,
    status: u16,
    content_type: String,
    /// The decoded body.
    body: Vec<u8>,
}

impl Recorded {
    fn read(folder: &Path, entry: &Value) -> Self {
        let text = |key: &str| entry[key].as_str().map(str::to_owned);
        let file = text("file").unwrap();
        let mut body = fs::read(folder.join(&file)).unwrap();
        if entry["content_encoding"] == "gzip" {
            body = compress::gunzip(&body);
        }
        if file.ends_with(".chunks.txt") {
            body = framed(&file, &String::from_utf8(body).unwrap()).into();
        }
        let missing = match file.split('/').next().unwrap() {
            "anthropic" => "/v1/messages",
            "openai-responses" => "/v1/responses",
            _ => "/v1/chat/completions",
        };
        let url = text("request_url").unwrap_or_else(|| missing.to_owned());
        Self {
            uri: url.split('#').next().unwrap().parse().unwrap(),
            request: text("request_body").unwrap_or_default().into(),
            status: u16::try_from(entry["status"].as_u64().unwrap()).unwrap(),
            content_type: text("content_type").unwrap(),
            body,
            file,
        }
    }

    fn format(&self) -> Option<&'static dyn Format> {
        let path = self.uri.path();
        Some(match self.file.split('/').next().unwrap() {
            "bedrock" => &BedrockConverse,
            "cohere" => &CohereChat,
            "anthropic" => &AnthropicMessages,
            "gemini" => &Gemini,
            "ollama" => &OllamaChat,
            _ if path.ends_with("/responses") => &OpenAiResponses,
            _ if path.ends_with("/v1/completions") => &OpenAiCompletions,
            _ => &OpenAiChat,
        })
    }

    /// The decoder's result, and the error that ends the run.
    fn expected(&self, format: &dyn Format) -> (LlmResult, Option<ErrorKind>) {
        let mut sum = Accumulator::new();
        if self.status >= 400 {
            return (sum.finish(), Some(ErrorKind::Provider));
        }
        let content_type = self.content_type.split(';').next().unwrap();
        let mut decoder = format.decoder(&response(&of_type(Some(content_type))));
        let mut error = Some(ErrorKind::Truncated);
        let mut each = |delta: tower_llm_callbacks::Delta<'_>| {
            match &delta {
                tower_llm_callbacks::Delta::Done => error = None,
                tower_llm_callbacks::Delta::Error(_) => error = Some(ErrorKind::Provider),
                _ => {}
            }
            sum.delta(&delta);
        };
        decoder.push(&self.body, &mut each);
        decoder.finish(&mut each);
        (sum.finish(), error)
    }
}

/// Turns one JSON text per line into an event stream.
fn framed(file: &str, chunks: &str) -> String {
    let lines = chunks.lines().filter(|line| !line.is_empty());
    let mut all = String::new();
    for line in lines {
        let json: Value = serde_json::from_str(line).unwrap();
        if let Some(kind) = json["type"].as_str() {
            all += &format!("event: {kind}\n");
        }
        all += &format!("data: {line}\n\n");
    }
    if file.starts_with("azure") {
        all += "data: [DONE]\n\n";
    }
    all
}

/// Pieces of pseudorandom lengths; single bytes in the first round.
fn cut(body: &[u8], round: u64) -> Vec<Bytes> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(round + 2);
    let longest = [1, 4, 30, 200, 1500, 9000][usize::try_from(round).unwrap() % 6];
    let mut rest = Bytes::copy_from_slice(body);
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let length = usize::try_from(state >> 33).unwrap() % longest + 1;
        pieces.push(rest.split_to(length.min(rest.len())));
    }
    pieces
}

#[tokio::test]
async fn recorded_answers_pass_unchanged_and_decode() {
    let Some(folder) = folder() else { return };
    let index: Value =
        serde_json::from_slice(&fs::read(folder.join("index.json")).unwrap()).unwrap();
    for entry in index.as_array().unwrap() {
        let recorded = Recorded::read(&folder, entry);
        let expected = recorded.format().map(|format| recorded.expected(format));
        for coding in CODINGS {
            let body = compress(coding, &recorded.body);
            for round in 0..8 {
                let case = format!("{} {coding} {round}", recorded.file);
                through(&case, &recorded, coding, &cut(&body, round), expected.as_ref()).await;
            }
        }
    }
}

async fn through(
    case: &str,
    recorded: &Recorded,
    coding: &str,
    frames: &[Bytes],
    expected: Option<&(LlmResult, Option<ErrorKind>)>,
) {
    let recorder = Recorder::new();
    let callbacks = Callbacks::new().add(Registration::inline(recorder.clone()));
    let frames_of = |pieces: &[Bytes]| {
        let frames: Vec<_> = pieces.iter().cloned().map(Frame::data).collect();
        StreamBody::new(stream::iter(frames.into_iter().map(Ok::<_, Infallible>)))
    };
    let upstream = service_fn(|request: Request<RequestBody<_>>| async {
        let received = request.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(received, recorded.request, "{case}");
        let mut response = Response::builder()
            .status(recorded.status)
            .header("content-type", &recorded.content_type);
        if coding != "identity" {
            response = response.header("content-encoding", coding);
        }
        Ok::<_, Infallible>(response.body(frames_of(frames)).unwrap())
    });
    let service = HttpCallbackLayer::new(callbacks)
        .without_estimates()
        .route("/v1/chat", OpenAiChat)
        .layer(upstream);
    let request = Request::post(recorded.uri.clone()).body(frames_of(&cut(&recorded.request, 3)));
    let response = service.oneshot(request.unwrap()).await.unwrap();
    assert_eq!(response.status(), recorded.status);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, frames.concat(), "{case}");

    let Some((expected, error)) = expected else {
        assert!(recorder.events().is_empty(), "{case}");
        return;
    };
    let events = recorder.events();
    assert_promises(&events);
    let terminals = recorder.terminals();
    assert_eq!(terminals.len(), 1, "{case}");
    assert_eq!(terminals[0].error().map(|error| error.kind()), *error, "{case}");
    let result = terminals[0].result().unwrap();
    assert_eq!(result.decode_faults, 0, "{case}");
    assert!(!result.decode_skipped, "{case}");
    assert_eq!(result.choices, expected.choices, "{case}");
    let counts = |result: &LlmResult| {
        let mut usage = result.usage.clone()?;
        usage.source = Default::default();
        Some(usage)
    };
    assert_eq!(counts(result), counts(expected), "{case}");
    assert_eq!(result.usage_raw, expected.usage_raw, "{case}");
    // An answer that does not name its model is that of the requested one, if its API says so.
    let requested = result.request.as_ref().and_then(|request| request.model.clone());
    let is_requested = expected.model.is_none() && result.model == requested;
    assert!(is_requested || result.model == expected.model, "{case}");
    assert_eq!(result.response_id, expected.response_id, "{case}");
    assert_eq!(result.tokens, expected.tokens, "{case}");
    if recorded.status < 400 {
        assert_eq!(result.streamed, expected.streamed, "{case}");
    }
}
