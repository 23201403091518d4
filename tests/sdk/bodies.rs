//! Prints the bodies that the typed models send for each feature, as lines of JSON: for a script, which compares them with
//! those of the official SDKs.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::{BoxError, Layer, service_fn, util::BoxCloneSyncService};
use tower_llm_callbacks::{
    chat::{BoxModel, ChatRequest, ContentPart, Message, Role, Tool, ToolChoice},
    model::{
        anthropic::{AnthropicConfig, AnthropicLayer, AnthropicRequest},
        bedrock::{BedrockConfig, BedrockLayer, BedrockRequest},
        cohere::CohereConfig,
        embeddings::{EmbeddingConfig, EmbeddingLayer, EmbeddingRequest},
        gemini::{GeminiConfig, GeminiLayer, GeminiRequest},
        ollama::{OllamaConfig, OllamaLayer, OllamaRequest},
        openai::{OpenAiApi, OpenAiConfig, OpenAiLayer, OpenAiRequest},
    },
};

type Http = BoxCloneSyncService<Request<Full<Bytes>>, Response<Full<Bytes>>, BoxError>;
type Sent = Arc<Mutex<Vec<Value>>>;

/// Returns an HTTP client that keeps the requests and refuses them.
fn refusing() -> (Http, Sent) {
    let sent = Sent::default();
    let kept = Arc::clone(&sent);
    let http = service_fn(move |request: Request<Full<Bytes>>| -> BoxFuture<'static, _> {
        let kept = Arc::clone(&kept);
        Box::pin(async move {
            let path = request.uri().path_and_query().map(ToString::to_string);
            let body = request.into_body().collect().await?.to_bytes();
            let body: Value = serde_json::from_slice(&body)?;
            kept.lock().unwrap().push(json!({"path": path, "body": body}));
            let response = Response::builder().status(400);
            Ok::<_, BoxError>(response.body(Full::default())?)
        })
    });
    (Http::new(http), sent)
}

fn model(api: &str, http: Http) -> BoxModel {
    let openai = |api| OpenAiConfig::new("key").base_url("http://localhost/v1").api(api);
    match api {
        "chat_completions" => {
            BoxModel::new(OpenAiLayer::new(openai(OpenAiApi::ChatCompletions)).layer(http))
        }
        "responses" => BoxModel::new(OpenAiLayer::new(openai(OpenAiApi::Responses)).layer(http)),
        "messages" => BoxModel::new(AnthropicLayer::new(AnthropicConfig::new("key")).layer(http)),
        "generate_content" => BoxModel::new(GeminiLayer::new(GeminiConfig::new("key")).layer(http)),
        "chat" => BoxModel::new(OllamaLayer::new(OllamaConfig::new()).layer(http)),
        _ => {
            let config = BedrockConfig::new("us-east-1", "key");
            BoxModel::new(BedrockLayer::new(config).layer(http))
        }
    }
}

fn user(parts: impl IntoIterator<Item = ContentPart>) -> ChatRequest {
    new().message(Message::new(Role::User, parts))
}

fn new() -> ChatRequest {
    ChatRequest::new("m").stream(false)
}

fn hi() -> ChatRequest {
    new().user("Hi")
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
           "additionalProperties": false})
}

fn tool() -> Tool {
    Tool::new("get_weather", schema()).description("The weather in a city")
}

fn file(name: &str, media_type: &str, data_base64: &str) -> ContentPart {
    let (media_type, data_base64) = (media_type.to_owned(), data_base64.to_owned());
    ContentPart::File { name: name.to_owned(), media_type, data_base64 }
}

fn tool_loop(thought: Option<ContentPart>) -> ChatRequest {
    let call = |id: &str, arguments| ContentPart::ToolCall {
        id: id.to_owned(),
        name: "get_weather".to_owned(),
        arguments,
    };
    let calls = [call("call_1", json!({"city": "Oslo"})), call("call_2", json!({}))];
    let parts = thought.into_iter().chain(["I look.".into()]).chain(calls);
    let failed = ContentPart::ToolResult {
        tool_call_id: "call_2".to_owned(),
        content: "no city".to_owned(),
        is_error: true,
    };
    hi().tool(tool())
        .message(Message::new(Role::Assistant, parts))
        .message(Message::tool_result("call_1", "18"))
        .message(Message::new(Role::Tool, [failed]))
}

fn features(api: &str) -> Vec<(&'static str, ChatRequest)> {
    let url = |end: &str| format!("https://example.com/{end}");
    let (png, wav, pdf) = ("image/png".to_owned(), "audio/wav".to_owned(), "application/pdf");
    let thought =
        ContentPart::Reasoning { text: "Hm.".to_owned(), signature: Some("c2ln".to_owned()) };
    let image = ContentPart::Image { media_type: png, data_base64: "aW1n".to_owned() };
    let audio = ContentPart::Audio { media_type: wav, data_base64: "UklGRg==".to_owned() };
    let choose = |choice| hi().tool(tool()).tool_choice(choice);
    let long = || ["Long.".into(), ContentPart::cache_point()];
    let own = match api {
        "chat_completions" => hi().store(false),
        "responses" => {
            let request = hi().previous_response_id("resp_1").store(false);
            request.include("reasoning.encrypted_content")
        }
        "messages" => hi().thinking(1024),
        "generate_content" => {
            hi().thinking_budget(512).cached_content("cachedContents/1").max_tokens(256)
        }
        "chat" => hi().option("num_ctx", 8192).keep_alive("10m"),
        _ => hi().model_field("top_k", 5).guardrail("gr-1", "DRAFT"),
    };
    let effort = if api == "generate_content" { "LOW" } else { "low" };
    vec![
        ("text", hi()),
        ("streamed", hi().stream(true)),
        ("talk", hi().system("Be brief.").assistant("Hello.").user("And?")),
        ("settings", hi().max_tokens(256).temperature(0.5).top_p(0.9)),
        ("stop", hi().stop(["END"])),
        ("top_k", hi().top_k(5)),
        ("seed", hi().seed(7)),
        ("image", user(["What?".into(), image])),
        ("image_url", user([ContentPart::ImageUrl { url: url("a.png") }])),
        ("pdf", user([file("paper.pdf", pdf, "JVBERi0=")])),
        ("text_file", user([file("notes.txt", "text/plain", "SGVsbG8=")])),
        (
            "file_url",
            user([ContentPart::FileUrl { url: url("paper.pdf"), media_type: pdf.to_owned() }]),
        ),
        ("audio", user([audio])),
        ("tools", hi().tool(tool())),
        ("tool_auto", choose(ToolChoice::Auto)),
        ("tool_required", choose(ToolChoice::Required)),
        ("tool_none", choose(ToolChoice::None)),
        ("tool_named", choose(ToolChoice::Tool("get_weather".to_owned()))),
        ("one_tool", hi().tool(tool()).parallel_tool_calls(false)),
        ("tool_loop", tool_loop(None)),
        ("thinking_loop", tool_loop(Some(thought))),
        ("schema", hi().answer_schema(schema())),
        ("effort", hi().reasoning_effort(effort)),
        ("tier", hi().service_tier("flex")),
        ("cached", user(long().into_iter().chain(["Short.".into()]))),
        ("cached_tool", hi().tool(tool().cached())),
        ("cached_system", new().message(Message::new(Role::System, long())).user("Hi")),
        ("unknown", hi().param("x_new", json!({"a": 1}))),
        ("own", own),
    ]
}

async fn embed<C>(config: C, request: EmbeddingRequest) -> Option<Value>
where
    C: EmbeddingConfig + Send + Sync + 'static,
{
    let (http, sent) = refusing();
    let _refused = EmbeddingLayer::new(config).layer(http).oneshot(request).await;
    sent.lock().unwrap().pop()
}

fn print(api: &str, feature: &str, sent: Option<Value>) {
    let mut line = json!({"api": api, "feature": feature, "body": null});
    if let Some(sent) = sent {
        (line["path"], line["body"]) = (sent["path"].clone(), sent["body"].clone());
    }
    println!("{line}");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    for api in ["chat_completions", "responses", "messages", "generate_content", "chat", "converse"]
    {
        for (feature, request) in features(api) {
            let (http, sent) = refusing();
            let _refused = model(api, http).ask(request).await;
            let sent = sent.lock().unwrap().pop();
            print(api, feature, sent);
        }
    }
    let texts = EmbeddingRequest::new("m").inputs(["One.", "Two."]);
    for (feature, request) in
        [("texts", texts.clone()), ("dimensions", texts.clone().dimensions(8)), ("task", texts)]
    {
        let asks = |task: &str| match feature {
            "task" => request.clone().task(task),
            _ => request.clone(),
        };
        let url = "http://localhost/v1";
        let sent = embed(OpenAiConfig::new("key").base_url(url), asks("query")).await;
        print("openai_embeddings", feature, sent);
        let sent = embed(GeminiConfig::new("key"), asks("RETRIEVAL_QUERY")).await;
        print("gemini_embeddings", feature, sent);
        print("ollama_embeddings", feature, embed(OllamaConfig::new(), asks("query")).await);
        let sent = embed(CohereConfig::new("key"), asks("search_query")).await;
        print("cohere_embeddings", feature, sent);
    }
}
