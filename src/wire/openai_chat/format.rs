use http::{Method, StatusCode};
use serde_json::Value;

use super::OpenAiChatDecoder;
use crate::{
    event::LlmStart,
    wire::{
        Call, Decoder, Format, LlmHttpRequest, LlmHttpResponse, openai,
        request::{Members, Messages, items, message},
        vertex::RawPredict,
    },
};

/// OpenAI's Chat Completions as a [`Format`]: `POST …/chat/completions` of any server, and the other paths at which servers
/// answer in its shape: `…/agents/completions` and `…/fim/completions` (Mistral), `…/serving-endpoints/{name}/invocations`
/// (Databricks) and `…/v1/chat` (Writer) with `messages` or a `prompt`, `…/text/chat` and `…/text/chat_stream` (watsonx),
/// `…/publishers/{publisher}/models/{model}:rawPredict` and `:streamRawPredict` of other publishers than Anthropic (Vertex
/// AI), `…/v1/sonar` and `…/v1/async/sonar` (Perplexity), `…/text/chatcompletion_v2` (MiniMax) and `…/cortex/inference:complete`
/// (Snowflake). `GET …/chat/completions/{id}`, `…/v1/async/sonar/{id}` and `…/chat/deferred-completion/{id}` (xAI)
/// [fetch](LlmStart::fetched) a stored answer or that of an accepted job.
///
/// The provider is [known](LlmHttpRequest::provider_or) by host and path and has its name in OpenTelemetry's GenAI
/// conventions; otherwise it is `openai`. Without a model in its body, a request for a deployment asks for that.
///
/// ```
/// use bytes::Bytes;
/// use http::{HeaderMap, Method, Uri};
/// use tower_llm_callbacks::wire::{Format, LlmHttpRequest, openai_chat::OpenAiChat};
///
/// let uri = Uri::from_static("https://api.groq.com/openai/v1/chat/completions");
/// let body = Bytes::from_static(br#"{"model":"m","messages":[],"stream":true}"#);
/// let start = OpenAiChat.start(&LlmHttpRequest::new(&Method::POST, &uri, &HeaderMap::new(), &body));
/// assert_eq!(&*start.provider, "groq");
/// assert_eq!(start.model.as_deref(), Some("m"));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenAiChat;

/// OpenAI's legacy Completions as a [`Format`]: `POST …/completions`, but not those of [`OpenAiChat`].
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, openai_chat::OpenAiCompletions};
///
/// let matches = |path| OpenAiCompletions.matches(&Method::POST, path);
/// assert!(matches("/v1/completions"));
/// assert!(!matches("/v1/chat/completions"));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenAiCompletions;

impl Format for OpenAiChat {
    fn matches(&self, method: &Method, path: &str) -> bool {
        match *method {
            Method::POST => is_chat(path) || is_by_body(path),
            Method::GET => FETCHED.iter().any(|calls| openai::is_fetch(path, calls)),
            _ => false,
        }
    }

    fn describe(&self, request: &LlmHttpRequest<'_>) -> Call {
        if !is_by_body(&request.path()) {
            return Call::new();
        }
        let members = request.members();
        Call::new().only_if(PROMPT[..2].iter().any(|name| members.has(name)))
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        if call.method == Method::GET {
            return openai::fetch(call, call.provider_or("openai"), "chat_completions");
        }
        let start = start(call, "chat_completions", &PROMPT, |members| {
            let sent = members.raw("messages").filter(|messages| messages.first() != b'n');
            if let Some(messages) = sent {
                return vec![Messages::Sent(messages.clone())];
            }
            let prompt = match members.value(PROMPT[1]) {
                Some(Value::String(text)) => vec![with_suffix(members)(text.into())],
                prompt => items(prompt),
            };
            prompt.into_iter().map(Messages::One).collect()
        });
        // On watsonx and Vertex AI the path says so.
        let path = call.path();
        let streamed = RawPredict::of(&path).map_or(path.ends_with("_stream"), |it| it.streamed);
        let streamed = start.stream || streamed;
        start.stream(streamed)
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        decoder(response)
    }

    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8> {
        openai::error_body(status, message)
    }
}

impl Format for OpenAiCompletions {
    fn matches(&self, method: &Method, path: &str) -> bool {
        let is_legacy = path.ends_with("/completions") && !is_chat(path);
        method == Method::POST && is_legacy
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        start(call, "completions", &["prompt", "suffix"], |members| {
            let prompt = with_suffix(members);
            let prompts = match members.value("prompt") {
                // An array of numbers is one prompt, in tokens.
                Some(Value::Array(all)) if !all.iter().all(Value::is_number) => all,
                one => one.into_iter().collect(),
            };
            prompts.into_iter().map(prompt).map(Messages::One).collect()
        })
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        decoder(response)
    }

    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8> {
        openai::error_body(status, message)
    }
}

/// The members of a chat's prompt. The text of a completion is that of requests that only have the path of a chat, such as
/// Mistral's `fim` and endpoints of Databricks.
const PROMPT: [&str; 3] = ["messages", "prompt", "suffix"];

/// The ends of the paths at which servers answer with chat completions. The answers to Mistral's `fim` have their shape,
/// too.
const CHAT: [&str; 7] = [
    "/chat/completions",
    "/agents/completions",
    "/fim/completions",
    // Perplexity.
    "/v1/sonar",
    "/v1/async/sonar",
    // MiniMax.
    "/text/chatcompletion_v2",
    // Snowflake.
    "/cortex/inference:complete",
];

/// What is before the ids of stored and deferred answers: OpenAI's and Perplexity's, Perplexity's, xAI's.
const FETCHED: [&str; 3] = ["/chat/completions", "/v1/async/sonar", "/chat/deferred-completion"];

/// Whether other APIs have the path, too: Cohere, or endpoints of Databricks that embed texts or speak another dialect.
fn is_by_body(path: &str) -> bool {
    path.ends_with("/v1/chat") || openai::endpoint(path).is_some()
}

fn is_chat(path: &str) -> bool {
    CHAT.iter().any(|end| path.ends_with(end))
        || RawPredict::of(path).is_some_and(|vertex| vertex.publisher != "anthropic")
        || (openai::is_watsonx(path)
            && (path.ends_with("/text/chat") || path.ends_with("/text/chat_stream")))
}

/// Returns a text as a message, with the suffix that completes it, if there is one.
fn with_suffix(members: &Members) -> impl Fn(Value) -> Value + use<> {
    let suffix = members.value("suffix");
    move |text| {
        let mut prompt = message("user", text);
        if let Some(suffix) = &suffix {
            prompt["suffix"] = suffix.clone();
        }
        prompt
    }
}

fn start(
    call: &LlmHttpRequest<'_>,
    api: &str,
    prompt: &'static [&'static str],
    messages: fn(&Members) -> Vec<Messages>,
) -> LlmStart {
    let mut members = call.members();
    // The request of a job, at Perplexity.
    if !members.has("model")
        && let Some(request) = members.nested("request")
    {
        members = request;
    }
    let mut start = members.start(call.provider_or("openai"), api, prompt, messages);
    if start.model.is_none() {
        // The name of the member on watsonx.
        start.model = members.text("model_id").map(Into::into);
    }
    if start.model.is_none() {
        start.model = openai::model_of(&call.path()).map(Into::into);
    }
    start
}

fn decoder(response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
    let decoder = match response.is_declared_whole() {
        true => OpenAiChatDecoder::whole(),
        false => OpenAiChatDecoder::new(),
    };
    Box::new(if response.native { decoder.with_native() } else { decoder })
}
