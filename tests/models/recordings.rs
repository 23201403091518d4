//! Recorded answers, if available, read by typed models as by the HTTP layer below them.

use std::{convert::Infallible, fs, io::Read as _, path::Path};

use bytes::Bytes;
use futures::stream;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{Full, StreamBody};
use serde_json::Value;
use support::recordings::{folder, read_json};
use tower::{BoxError, Layer, Service, ServiceBuilder, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, HttpCallbackLayer, LlmResult, Registration,
    chat::{ChatRequest, collect},
    http_layer::{RequestBody, ResponseBody},
    layer,
    model::{
        ModelConfig, ModelLayer,
        anthropic::AnthropicConfig,
        bedrock::BedrockConfig,
        cohere::CohereConfig,
        embeddings::{EmbeddingConfig, EmbeddingLayer, EmbeddingRequest},
        gemini::GeminiConfig,
        ollama::OllamaConfig,
        openai::{OpenAiApi, OpenAiConfig},
    },
    testing::Recorder,
};

/// A recorded answer.
#[derive(Clone)]
struct Recorded {
    file: String,
    path: String,
    request: Value,
    status: u16,
    content_type: String,
    body: Bytes,
}

impl Recorded {
    fn read(folder: &Path, entry: &Value) -> Option<Self> {
        let file = entry["file"].as_str().unwrap().to_owned();
        let url = entry["request_url"].as_str()?;
        let url = url.split_once("://").map_or(url, |(_, rest)| rest);
        let path = url[url.find('/')?..].split(['?', '#']).next().unwrap().to_owned();
        let mut body = fs::read(folder.join(&file)).unwrap();
        if entry["content_encoding"] == "gzip" {
            let mut inflated = Vec::new();
            flate2::read::GzDecoder::new(&*body).read_to_end(&mut inflated).unwrap();
            body = inflated;
        }
        let request = entry["request_body"].as_str().unwrap_or_default();
        Some(Self {
            path,
            request: serde_json::from_str(request).unwrap_or_default(),
            status: u16::try_from(entry["status"].as_u64().unwrap()).unwrap(),
            content_type: entry["content_type"].as_str()?.to_owned(),
            body: body.into(),
            file,
        })
    }

    fn all() -> Vec<Self> {
        let Some(folder) = folder() else { return Vec::new() };
        let mut all = Vec::new();
        for folder in [folder.clone(), folder.join("endpoints")] {
            let index = read_json(&folder.join("index.json"));
            let entries = index.as_array().unwrap().iter();
            all.extend(entries.filter_map(|entry| Self::read(&folder, entry)));
        }
        all
    }

    fn is_streamed(&self) -> bool {
        self.request["stream"] == true || self.path.to_lowercase().contains("stream")
    }
}

type Body = StreamBody<stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>;

/// Returns a service that gives the answer in frames, below an HTTP layer, and the recorder of that layer.
fn http(
    recorded: &Recorded,
    frame: usize,
) -> (
    impl Service<
        Request<Full<Bytes>>,
        Response = Response<ResponseBody<Body>>,
        Error = Infallible,
        Future: Send,
    > + Clone
    + Send
    + Sync
    + use<>,
    Recorder,
) {
    let recorder = Recorder::new();
    let callbacks = Callbacks::new().add(Registration::inline(recorder.clone()));
    let recorded = recorded.clone();
    let service = service_fn(move |_: Request<RequestBody<Full<Bytes>>>| {
        let frames = recorded.body.chunks(frame).map(Bytes::copy_from_slice);
        let frames: Vec<_> = frames.map(|frame| Ok(Frame::data(frame))).collect();
        let response = Response::builder()
            .status(recorded.status)
            .header("content-type", &recorded.content_type)
            .header("x-amzn-requestid", "req-1");
        std::future::ready(Ok(response.body(StreamBody::new(stream::iter(frames))).unwrap()))
    });
    (HttpCallbackLayer::new(callbacks).without_estimates().layer(service), recorder)
}

fn compare(file: &str, typed: &Recorder, http: &Recorder) {
    let (typed, http) = (typed.terminals(), http.terminals());
    assert_eq!((typed.len(), http.len()), (1, 1), "{file}");
    let error = |it: &tower_llm_callbacks::testing::Recorded| {
        let error = it.error()?;
        Some((error.kind(), error.to_string(), error.provider_code().map(str::to_owned)))
    };
    assert_eq!(error(&typed[0]), error(&http[0]), "{file}");
    let failed = typed[0].error().is_some();
    let (typed, http) = (typed[0].result().unwrap(), http[0].result().unwrap());
    assert_eq!(typed.choices, http.choices, "{file}");
    let facts = |it: &LlmResult| {
        let LlmResult { usage, usage_raw, model, response_id, outputs, dimensions, tokens, .. } =
            it.clone();
        let usage = usage.map(|mut usage| {
            usage.source = Default::default();
            usage
        });
        format!(
            "{usage:?} {usage_raw:?} {model:?} {response_id:?} {outputs:?} {dimensions:?} {tokens}"
        )
    };
    assert_eq!(facts(typed), facts(http), "{file}");
    assert_eq!(typed.decode_faults, http.decode_faults, "{file}");
    // An HTTP layer does not say how an error would have been sent.
    if !failed {
        assert_eq!(typed.streamed, http.streamed, "{file}");
    }
}

async fn chat<C: ModelConfig + Clone + Send + Sync + 'static>(recorded: &Recorded, config: C) {
    let model = recorded.request["model"].as_str().unwrap_or("m");
    let request = ChatRequest::new(model).user("Hi").stream(recorded.is_streamed());
    for frame in [7, recorded.body.len().max(1)] {
        let (http, below) = http(recorded, frame);
        let above = Recorder::new();
        let callbacks = Callbacks::new().add(Registration::inline(above.clone()));
        let stack = ServiceBuilder::new()
            .layer(CallbackLayer::new(callbacks).without_estimates())
            .layer(ModelLayer::new(config.clone()))
            .service(http);
        if let Ok(answer) = stack.oneshot(request.clone()).await {
            let _read = collect(answer).await;
        }
        compare(&recorded.file, &above, &below);
    }
}

#[tokio::test]
async fn answers_read_the_same_as_over_http() {
    let recorded = Recorded::all();
    let mut apis = Vec::new();
    for recorded in &recorded {
        let path = &*recorded.path;
        let openai = |api| OpenAiConfig::without_key("http://localhost/v1").api(api);
        let ends = |end| path.ends_with(end);
        apis.push(match () {
            () if ends("/v1/messages") => {
                chat(recorded, AnthropicConfig::new("key")).await;
                "messages"
            }
            () if ends("/chat/completions") => {
                chat(recorded, openai(OpenAiApi::ChatCompletions)).await;
                "chat_completions"
            }
            () if ends("/responses") => {
                chat(recorded, openai(OpenAiApi::Responses)).await;
                "responses"
            }
            () if ends(":streamGenerateContent") => {
                chat(recorded, GeminiConfig::new("key")).await;
                "generate_content"
            }
            () if ends("/api/chat") => {
                chat(recorded, OllamaConfig::new()).await;
                "chat"
            }
            () if ends("/converse") || ends("/converse-stream") => {
                chat(recorded, BedrockConfig::new("us-east-1", "key")).await;
                "converse"
            }
            () => continue,
        });
    }
    if !recorded.is_empty() {
        let count = |api| apis.iter().filter(|it| **it == api).count();
        let all =
            ["messages", "chat_completions", "responses", "generate_content", "chat", "converse"];
        let counts = all.map(count);
        assert!(
            counts.iter().zip([10, 10, 8, 4, 2, 15]).all(|(count, least)| *count >= least),
            "{counts:?}"
        );
    }
}

async fn embed<C>(recorded: &Recorded, config: C) -> Result<(), BoxError>
where
    C: EmbeddingConfig + Clone + Send + Sync + 'static,
{
    let mut request = EmbeddingRequest::new("m").inputs(["One."]);
    if recorded.path.ends_with("/v2/embed") {
        request = request.task("search_document");
    }
    for name in ["encoding_format", "dimensions"] {
        if let Some(value) = recorded.request.get(name) {
            request = request.param(name, value.clone());
        }
    }
    let (http, below) = http(recorded, 1000);
    let above = Recorder::new();
    let callbacks = Callbacks::new().add(Registration::inline(above.clone()));
    let embed = ServiceBuilder::new()
        .layer(layer::ModelLayer::embedding(callbacks).without_estimates())
        .layer(EmbeddingLayer::new(config))
        .service(http);
    let answer = embed.oneshot(request).await;
    compare(&recorded.file, &above, &below);
    let answer = answer?;
    let result = above.terminals()[0].result().unwrap().clone();
    assert_eq!(result.outputs, Some(answer.vectors.len() as u64), "{}", recorded.file);
    for vector in &answer.vectors {
        assert_eq!(result.dimensions, u32::try_from(vector.len()).ok(), "{}", recorded.file);
        let length: f32 = vector.iter().map(|number| number * number).sum();
        assert!(length.is_finite() && length > 0.0, "{}", recorded.file);
    }
    Ok(())
}

#[tokio::test]
async fn embeddings_read_the_same_as_over_http() {
    let recorded = Recorded::all();
    let mut read = 0;
    for recorded in &recorded {
        let path = &*recorded.path;
        let answer = match () {
            () if path.ends_with("/embeddings") => {
                embed(recorded, OpenAiConfig::without_key("http://localhost/v1")).await
            }
            () if path.ends_with(":batchEmbedContents") => {
                embed(recorded, GeminiConfig::new("key")).await
            }
            () if path.ends_with("/v2/embed") => embed(recorded, CohereConfig::new("key")).await,
            () if path.ends_with("/api/embed") => embed(recorded, OllamaConfig::new()).await,
            () => continue,
        };
        assert_eq!(answer.is_ok(), recorded.status < 400, "{} {answer:?}", recorded.file);
        read += 1;
    }
    assert!(recorded.is_empty() || read >= 7, "{read}");
}
