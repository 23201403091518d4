//! Typed models say which API they call, to the layer above them.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use support::{Mode, Recorders};
use tower::{BoxError, Layer, Service, ServiceBuilder, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, ErrorKind, EventData,
    chat::ChatRequest,
    model::{
        anthropic::{AnthropicConfig, AnthropicLayer},
        bedrock::{BedrockConfig, BedrockLayer},
        openai::{OpenAiApi, OpenAiConfig, OpenAiLayer},
    },
};

/// Calls a model whose provider refuses. Returns provider, API and model of the start and of the result.
async fn names<L, S>(model: L, request: ChatRequest) -> [(String, String, Option<String>); 2]
where
    L: Layer<Refusing, Service = S>,
    S: Service<ChatRequest, Response = tower_llm_callbacks::chat::ChatStream>
        + Clone
        + Send
        + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    let recorders = Recorders::new(&[Mode::Inline]);
    let stack = ServiceBuilder::new()
        .layer(CallbackLayer::new(recorders.callbacks.clone()))
        .concurrency_limit(1)
        .layer(model)
        .service(Refusing);
    assert!(stack.oneshot(request).await.is_err());
    let end = recorders.ended(Some(ErrorKind::Provider)).await;
    let events = recorders.each[0].1.events();
    let EventData::LlmStart(start) = &events[0].data else { panic!("{events:?}") };
    let asked = end.result().unwrap().request.clone().unwrap();
    let text = |text: &str| text.to_owned();
    [
        (text(&start.provider), text(&start.api), start.model.as_deref().map(text)),
        (text(&asked.provider), text(&asked.api), asked.model.as_deref().map(text)),
    ]
}

#[derive(Clone)]
struct Refusing;

impl Service<Request<Full<Bytes>>> for Refusing {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        let body = r#"{"error":{"message":"no","type":"t"}}"#;
        let response = Response::builder().status(429).body(Full::from(body));
        std::future::ready(Ok(response.unwrap()))
    }
}

#[tokio::test]
async fn provider_and_api_are_those_of_the_model() {
    let asks = |model: &str| ChatRequest::new(model).user("Hi").max_tokens(5);
    let openai = |url: &str| OpenAiConfig::without_key(url);
    let expect = |provider: &str, api: &str, model: &str| {
        let one = (provider.to_owned(), api.to_owned(), Some(model.to_owned()));
        [one.clone(), one]
    };
    let anthropic = AnthropicLayer::new(AnthropicConfig::new("key"));
    assert_eq!(names(anthropic, asks("gpt-x")).await, expect("anthropic", "messages", "gpt-x"));
    let bedrock = BedrockLayer::new(BedrockConfig::new("us-east-1", "key"));
    let expected = expect("aws.bedrock", "converse", "anthropic.claude-x");
    assert_eq!(names(bedrock, asks("anthropic.claude-x")).await, expected);
    let responses = OpenAiLayer::new(openai("https://api.openai.com/v1").api(OpenAiApi::Responses));
    assert_eq!(names(responses, asks("claude-x")).await, expect("openai", "responses", "claude-x"));
    for (url, provider) in [
        ("http://localhost:8000/v1", "openai"),
        ("https://api.groq.com/openai/v1", "groq"),
        ("https://openrouter.ai/api/v1", "openrouter"),
    ] {
        let chat = OpenAiLayer::new(openai(url));
        let named = expect(provider, "chat_completions", "vendor/Model:tag");
        assert_eq!(names(chat, asks("vendor/Model:tag")).await, named, "{url}");
    }
    // What the request says counts.
    let chat = OpenAiLayer::new(openai("https://api.groq.com/openai/v1"));
    let request = asks("m").provider("mine").api("own");
    assert_eq!(names(chat, request).await, expect("mine", "own", "m"));
}

/// Another service knows nothing of the model that was asked before on the same thread.
#[tokio::test]
async fn other_services_are_not_confused_with_models() {
    let anthropic = AnthropicLayer::new(AnthropicConfig::new("key"));
    let [(provider, ..), _] =
        names(anthropic, ChatRequest::new("m").user("Hi").max_tokens(5)).await;
    assert_eq!(provider, "anthropic");
    let recorders = Recorders::new(&[Mode::Inline]);
    let other = service_fn(|_: ChatRequest| async {
        let empty: [Result<tower_llm_callbacks::chat::ChatChunk, Infallible>; 0] = [];
        Ok::<_, Infallible>(futures::stream::iter(empty))
    });
    let model = CallbackLayer::new(recorders.callbacks.clone()).layer(other);
    drop(model.oneshot(ChatRequest::new("m").user("Hi")).await.unwrap());
    let events = recorders.each[0].1.events();
    let EventData::LlmStart(start) = &events[0].data else { panic!("{events:?}") };
    assert_eq!((&*start.provider, &*start.api), ("unknown", "chat"));
}
