use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::GeminiDecoder;
use crate::{
    event::LlmStart,
    wire::{
        Decoder, Format, LlmHttpRequest, LlmHttpResponse,
        request::{Messages, message},
        vertex::is_vertex,
    },
};

/// The members of a request that form the prompt. Google accepts both spellings.
const PROMPT: [&str; 3] = ["systemInstruction", "system_instruction", "contents"];

/// Google's Gemini API as a [`Format`], on Google AI and on Vertex AI:
/// `POST …/models/{model}:generateContent` and `:streamGenerateContent`, also of a tuned model's endpoint, and those of
/// Gemini Code Assist, `POST …/v1internal:generateContent`, where request and answer are members of an object.
///
/// Source of the last: `packages/core/src/code_assist` in the repository of Gemini CLI.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gemini;

impl Format for Gemini {
    fn matches(&self, method: &Method, path: &str) -> bool {
        method == Method::POST && Target::parse(path).is_some()
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        let provider = call.provider_or("gcp.gemini");
        let (mut members, path) = (call.members(), call.path());
        let target = Target::parse(&path);
        let mut model = target.as_ref().map(|target| target.model.to_owned());
        if target.as_ref().is_some_and(|target| target.is_wrapped) {
            model = members.text("model");
            members = members.nested("request").unwrap_or(members);
        }
        let mut start =
            LlmStart::new(provider, "generate_content").messages(members.prompt(|members| {
                let system = PROMPT[..2].iter().find_map(|name| members.value(name));
                let system = system.map(as_system).map(Messages::One);
                let contents = members.raw(PROMPT[2]).cloned().map(Messages::Sent);
                system.into_iter().chain(contents).collect()
            }));
        start.params = members.params(&PROMPT);
        start.model = model.map(Into::into);
        start.stream(target.is_some_and(|target| target.streamed))
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        let vertex = response.request.is_some_and(|request| &*request.provider == "gcp.vertex_ai");
        // `application/json` may be an array, which is streamed, and errors may be event streams.
        let decoder = if vertex { GeminiDecoder::vertex() } else { GeminiDecoder::new() };
        Box::new(if response.native { decoder.with_native() } else { decoder })
    }

    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8> {
        let code = status.as_u16();
        // The canonical codes of Google's APIs.
        let name = match code {
            400 => "INVALID_ARGUMENT",
            401 => "UNAUTHENTICATED",
            403 => "PERMISSION_DENIED",
            404 => "NOT_FOUND",
            409 => "ABORTED",
            429 => "RESOURCE_EXHAUSTED",
            499 => "CANCELLED",
            501 => "UNIMPLEMENTED",
            503 => "UNAVAILABLE",
            504 => "DEADLINE_EXCEEDED",
            _ if status.is_client_error() => "FAILED_PRECONDITION",
            _ => "INTERNAL",
        };
        let error = json!({"error": {"code": code, "message": message, "status": name}});
        error.to_string().into_bytes()
    }
}

/// The model and method in a path.
struct Target<'a> {
    model: &'a str,
    streamed: bool,
    /// The request is a member beside its model.
    is_wrapped: bool,
}

impl<'a> Target<'a> {
    fn parse(path: &'a str) -> Option<Self> {
        let (resource, method) = path.rsplit_once(':')?;
        let streamed = match method {
            "streamGenerateContent" => true,
            "generateContent" => false,
            _ => return None,
        };
        let (collection, model) = resource.rsplit_once('/')?;
        let of_models = collection.split('/').any(|part| matches!(part, "models" | "tunedModels"))
            || (collection.ends_with("/endpoints") && is_vertex(path));
        let is_wrapped = model == "v1internal";
        (is_wrapped || of_models && !model.is_empty()).then_some(Self {
            model,
            streamed,
            is_wrapped,
        })
    }
}

/// Returns an instruction as a message of the role `system`, whatever role it has.
fn as_system(instruction: Value) -> Value {
    match instruction {
        Value::Object(mut content) => {
            content.insert("role".to_owned(), "system".into());
            Value::Object(content)
        }
        other => message("system", other),
    }
}
