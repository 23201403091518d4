//! The table of endpoints in the guide: what the layer makes of each of them, asked of the layer itself.

use std::{
    env, fs,
    path::Path,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use support::http::Scripted;
use tower::{BoxError, Layer, service_fn};
use tower_llm_callbacks::{Callbacks, HttpCallbackLayer, http_layer::RequestBody, on_event};

const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../src/guide/endpoints.md");
const BEGIN: &str = "<!-- the table is generated -->\n";
const CHAT: &str = r#"{"messages":[]}"#;
const TEXT: &str = r#"{"prompt":"a"}"#;
const INPUT: &str = r#"{"input":"a"}"#;
const INPUTS: &str = r#"{"inputs":"a"}"#;
const MESSAGE: &str = r#"{"message":"a"}"#;
const ITEMS: &str = r#"{"input":[{"role":"user","content":"a"}]}"#;

/// A path that hides the model.
const ARN: &str = "/model/arn:aws:bedrock:r:1:application-inference-profile%2F{id}/invoke";

/// Whose endpoint, its method and path, and the body of a request where that matters.
type Row = (&'static str, &'static str, &'static str, &'static str);

const ROWS: &[Row] = &[
    ("OpenAI and compatible servers", "POST", "/v1/chat/completions", ""),
    ("", "GET", "/v1/chat/completions/{id}", ""),
    ("", "GET", "/v1/chat/completions", ""),
    ("", "POST", "/v1/completions", ""),
    ("", "POST", "/v1/responses", ""),
    ("", "GET", "/v1/responses/{id}", ""),
    ("", "POST", "/v1/responses/compact", ""),
    ("", "POST", "/v1/responses/input_tokens", ""),
    ("", "POST", "/v1/responses/{id}/cancel", ""),
    ("", "DELETE", "/v1/responses/{id}", ""),
    ("", "GET", "/v1/responses/{id}/input_items", ""),
    ("", "POST", "/v1/embeddings", ""),
    ("", "POST", "/v1/images/generations", ""),
    ("", "POST", "/v1/images/edits", ""),
    ("", "POST", "/v1/images/variations", ""),
    ("", "POST", "/v1/audio/speech", ""),
    ("", "POST", "/v1/audio/transcriptions", ""),
    ("", "POST", "/v1/audio/translations", ""),
    ("", "POST", "/v1/moderations", ""),
    ("", "POST", "/v1/conversations", "{}"),
    ("", "POST", "/v1/threads/{id}/runs", ""),
    ("", "POST", "/v1/batches", ""),
    ("", "GET", "/v1/models", ""),
    ("", "POST", "/v1/vector_stores/{id}/search", ""),
    ("", "GET", "/v1/realtime", ""),
    ("", "GET", "/v1/responses", ""),
    ("", "POST", "/v1/videos", ""),
    ("", "POST", "/v1/evals", ""),
    ("", "POST", "/v1/files", ""),
    ("Azure", "POST", "/openai/deployments/{name}/chat/completions", ""),
    ("", "POST", "/openai/deployments/{name}/completions", ""),
    ("", "POST", "/openai/deployments/{name}/embeddings", ""),
    ("", "POST", "/openai/deployments/{name}/images/generations", ""),
    ("", "POST", "/openai/deployments/{name}/images/edits", ""),
    ("", "POST", "/openai/deployments/{name}/audio/speech", ""),
    ("", "POST", "/openai/deployments/{name}/audio/transcriptions", ""),
    ("", "POST", "/openai/deployments/{name}/audio/translations", ""),
    ("", "POST", "/openai/responses", ""),
    ("", "POST", "/openai/v1/chat/completions", ""),
    ("", "POST", "/openai/v1/responses", ""),
    ("", "POST", "/openai/v1/embeddings", ""),
    ("", "POST", "/models/chat/completions", ""),
    ("", "POST", "/models/embeddings", ""),
    ("", "POST", "/models/images/embeddings", ""),
    ("", "GET", "/models/info", ""),
    ("", "POST", "/anthropic/v1/messages", ""),
    ("Anthropic", "POST", "/v1/messages", ""),
    ("", "POST", "/v1/messages/count_tokens", ""),
    ("", "POST", "/v1/messages/batches", ""),
    ("", "GET", "/v1/messages/batches/{id}/results", ""),
    ("", "GET", "/v1/sessions/{id}/events/stream", ""),
    ("", "POST", "/v1/complete", ""),
    ("Gemini", "POST", "/v1beta/models/{model}:generateContent", ""),
    ("", "POST", "/v1beta/models/{model}:streamGenerateContent", ""),
    ("", "POST", "/v1beta/models/{model}:countTokens", ""),
    ("", "POST", "/v1beta/models/{model}:embedContent", ""),
    ("", "POST", "/v1beta/models/{model}:batchEmbedContents", ""),
    ("", "POST", "/v1beta/models/{model}:predict", ""),
    ("", "POST", "/v1beta/interactions", ""),
    ("", "GET", "/v1beta/interactions/{id}", ""),
    ("", "POST", "/v1beta/interactions/{id}/cancel", ""),
    ("", "DELETE", "/v1beta/interactions/{id}", ""),
    ("", "POST", "/v1beta/interactions/{id}/auth_tokens", ""),
    ("", "GET", "/v1beta/interactions/live", ""),
    (
        "",
        "GET",
        "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
        "",
    ),
    (
        "Vertex AI",
        "POST",
        "/v1/projects/p/locations/l/publishers/google/models/{model}:generateContent",
        "",
    ),
    ("", "POST", "/v1/projects/p/locations/l/publishers/google/models/{model}:countTokens", ""),
    ("", "POST", "/v1/projects/p/locations/l/endpoints/{id}:generateContent", ""),
    ("", "POST", "/v1beta1/publishers/google/models/{model}:generateContent", ""),
    ("", "POST", "/v1/projects/p/locations/l/publishers/anthropic/models/{model}:rawPredict", ""),
    (
        "",
        "POST",
        "/v1/projects/p/locations/l/publishers/anthropic/models/{model}:streamRawPredict",
        "",
    ),
    (
        "",
        "POST",
        "/v1/projects/p/locations/l/publishers/anthropic/models/count-tokens:rawPredict",
        "",
    ),
    (
        "",
        "POST",
        "/v1/projects/p/locations/l/publishers/mistralai/models/{model}:streamRawPredict",
        "",
    ),
    ("", "POST", "/v1/projects/p/locations/l/publishers/ai21/models/{model}:rawPredict", ""),
    ("", "POST", "/v1/projects/p/locations/l/endpoints/openapi/chat/completions", ""),
    ("", "POST", "/v1/projects/p/locations/l/publishers/google/models/{model}:predict", ""),
    (
        "",
        "POST",
        "/v1/projects/p/locations/l/publishers/google/models/text-embedding-005:predict",
        "",
    ),
    ("", "POST", "/v1/projects/p/locations/l/publishers/google/models/imagen-4.0:predict", ""),
    (
        "",
        "POST",
        "/v1/projects/p/locations/l/endpoints/{id}:predict",
        r#"{"instances":[{"content":"a","task_type":"RETRIEVAL_QUERY"}]}"#,
    ),
    (
        "",
        "POST",
        "/v1/projects/p/locations/l/endpoints/{id}:predict",
        r#"{"instances":[{"prompt":"a"}],"parameters":{"sampleCount":1}}"#,
    ),
    ("", "POST", "/v1/projects/p/locations/l/endpoints/{id}:predict", r#"{"instances":[]}"#),
    ("", "POST", "/v1/projects/p/locations/l/publishers/google/models/{model}:embedContent", ""),
    ("AWS Bedrock", "POST", "/model/{model}/converse", ""),
    ("", "POST", "/model/{model}/converse-stream", ""),
    ("", "POST", "/model/anthropic.claude/invoke", ""),
    ("", "POST", "/model/anthropic.claude/invoke-with-response-stream", ""),
    ("", "POST", "/model/amazon.titan-embed-text-v2:0/invoke", ""),
    ("", "POST", "/model/cohere.rerank-v3-5:0/invoke", ""),
    ("", "POST", ARN, r#"{"prompt":"a"}"#),
    ("", "POST", ARN, r#"{"inputText":"a"}"#),
    ("", "POST", ARN, r#"{"texts":["a"],"input_type":"search_query"}"#),
    ("", "POST", ARN, r#"{"query":"a","documents":["b"]}"#),
    ("", "POST", ARN, r#"{"text_prompts":[{"text":"a"}]}"#),
    ("", "POST", "/model/{model}/invoke-with-bidirectional-stream", ""),
    ("", "POST", "/model/{model}/count-tokens", ""),
    ("", "POST", "/async-invoke", ""),
    ("", "POST", "/guardrail/{id}/version/1/apply", ""),
    ("", "POST", "/guardrail-checks/invoke", ""),
    ("", "POST", "/agents/{id}/agentAliases/{id}/sessions/{id}/text", ""),
    ("", "POST", "/retrieveAndGenerate", ""),
    ("AWS SageMaker", "POST", "/endpoints/{name}/invocations", ""),
    ("", "POST", "/endpoints/{name}/invocations-response-stream", ""),
    ("AWS Bedrock, OpenAI's models", "POST", "/openai/v1/chat/completions", ""),
    ("", "POST", "/openai/v1/responses", ""),
    ("Cohere", "POST", "/v2/chat", ""),
    ("", "POST", "/v1/chat", MESSAGE),
    ("", "POST", "/v1/generate", TEXT),
    ("", "POST", "/v2/embed", ""),
    ("", "POST", "/v1/embed", ""),
    ("", "POST", "/v2/rerank", ""),
    ("", "POST", "/v1/rerank", ""),
    ("", "POST", "/v2/parse", ""),
    ("Writer", "POST", "/v1/chat", CHAT),
    ("Mistral", "POST", "/v1/agents/completions", ""),
    ("", "POST", "/v1/fim/completions", ""),
    ("", "POST", "/v1/conversations", INPUTS),
    ("", "POST", "/v1/conversations/{id}", INPUTS),
    ("", "POST", "/v1/conversations/{id}/restart", INPUTS),
    ("", "GET", "/v1/conversations/{id}", ""),
    ("", "POST", "/v1/moderations", ""),
    ("", "POST", "/v1/chat/moderations", ""),
    ("", "POST", "/v1/classifications", ""),
    ("", "POST", "/v1/ocr", ""),
    ("Databricks", "POST", "/serving-endpoints/{name}/invocations", CHAT),
    ("", "POST", "/serving-endpoints/{name}/invocations", TEXT),
    ("", "POST", "/serving-endpoints/{name}/invocations", ITEMS),
    ("", "POST", "/serving-endpoints/{name}/invocations", INPUT),
    ("", "POST", "/serving-endpoints/chat/completions", ""),
    ("", "POST", "/serving-endpoints/responses", ""),
    ("", "POST", "/serving-endpoints/anthropic/v1/messages", ""),
    ("", "POST", "/ai-gateway/mlflow/v1/chat/completions", ""),
    ("IBM watsonx.ai", "POST", "/ml/v1/text/chat", ""),
    ("", "POST", "/ml/v1/text/chat_stream", ""),
    ("", "POST", "/ml/v1/text/generation", ""),
    ("", "POST", "/ml/v1/text/generation_stream", ""),
    ("", "POST", "/ml/v1/deployments/{id}/text/generation", ""),
    ("", "POST", "/ml/v1/deployments/{id}/text/chat", ""),
    ("", "POST", "/ml/v1/text/embeddings", ""),
    ("", "POST", "/ml/v1/text/rerank", ""),
    ("Hugging Face", "POST", "/generate", INPUTS),
    ("", "POST", "/generate_stream", INPUTS),
    ("", "POST", "/", INPUTS),
    ("", "POST", "/embed", INPUTS),
    ("", "POST", "/embed_sparse", INPUTS),
    ("", "POST", "/embed_all", INPUTS),
    ("", "POST", "/similarity", INPUTS),
    ("", "POST", "/pipeline/feature-extraction/{model}", INPUTS),
    ("Alibaba DashScope", "POST", "/compatible-mode/v1/chat/completions", ""),
    ("", "POST", "/api/v1/services/aigc/text-generation/generation", ""),
    ("", "POST", "/api/v1/services/aigc/multimodal-generation/generation", ""),
    ("", "POST", "/api/v1/services/rerank/text-rerank/text-rerank", ""),
    ("", "POST", "/api/v1/services/embeddings/text-embedding/text-embedding", ""),
    ("Perplexity", "POST", "/v1/agent", INPUT),
    ("", "POST", "/v1/sonar", ""),
    ("", "POST", "/async/chat/completions", ""),
    ("", "GET", "/async/chat/completions/{id}", ""),
    ("", "GET", "/async/chat/completions", ""),
    ("", "POST", "/v1/async/sonar", ""),
    ("", "GET", "/v1/async/sonar/{id}", ""),
    ("xAI", "GET", "/v1/chat/deferred-completion/{id}", ""),
    ("MiniMax", "POST", "/v1/text/chatcompletion_v2", ""),
    ("Snowflake", "POST", "/api/v2/cortex/inference:complete", ""),
    ("Replicate", "POST", "/v1/predictions", ""),
    ("", "POST", "/v1/models/{owner}/{name}/predictions", ""),
    ("llama.cpp", "POST", "/completion", TEXT),
    ("", "POST", "/infill", r#"{"input_prefix":"a"}"#),
    ("", "POST", "/completions", TEXT),
    ("", "POST", "/embeddings", ""),
    ("", "POST", "/reranking", ""),
    ("", "POST", "/embedding", ""),
    ("", "POST", "/rerank", ""),
    ("", "POST", "/tokenize", ""),
    ("", "POST", "/apply-template", ""),
    ("Ollama", "POST", "/api/chat", ""),
    ("", "POST", "/api/generate", ""),
    ("", "POST", "/api/embed", ""),
    ("", "POST", "/api/embeddings", ""),
    ("Voyage", "POST", "/v1/multimodalembeddings", ""),
    ("", "POST", "/v1/contextualizedembeddings", ""),
    ("", "POST", "/v1/rerank", ""),
    ("Jina, vLLM and others", "POST", "/v1/rerank", ""),
    ("", "POST", "/score", ""),
    ("", "POST", "/pooling", ""),
    ("", "POST", "/classify", ""),
    ("whisper.cpp", "POST", "/inference", ""),
    ("LiteLLM", "POST", "/utils/token_counter", ""),
    (
        "MCP",
        "POST",
        "/mcp",
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}"#,
    ),
    ("", "POST", "/mcp", r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#),
    (
        "",
        "POST",
        "/mcp/{server}",
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}"#,
    ),
    ("", "GET", "/mcp", ""),
    ("", "DELETE", "/mcp", ""),
];

#[tokio::test]
async fn the_guide_has_what_the_layer_makes_of_each_endpoint() {
    let mut table =
        String::from("| of | request | with the body | observed |\n|---|---|---|---|\n");
    for (of, method, path, body) in ROWS {
        let observed = observed(method, path, body).await;
        let shown = if body.is_empty() { String::new() } else { format!("`{body}`") };
        table += &format!("| {of} | `{method} {path}` | {shown} | {observed} |\n");
    }
    let guide = fs::read_to_string(GUIDE).unwrap();
    let (text, committed) = guide.split_once(BEGIN).expect("the mark before the table");
    if committed.trim() == table.trim() {
        return;
    }
    if env::var_os("WRITE_GUIDE").is_some() {
        fs::write(Path::new(GUIDE), format!("{text}{BEGIN}\n{table}")).unwrap();
        return;
    }
    let committed: Vec<_> = committed.lines().collect();
    let new: Vec<_> = table.lines().filter(|line| !committed.contains(line)).collect();
    panic!(
        "src/guide/endpoints.md differs from what the layer does. Write it anew with\n  \
         WRITE_GUIDE=1 cargo test --all-features --test http observed\n\nLines that it lacks:\n{}",
        new.join("\n")
    );
}

/// Makes a request. Returns what the layer made of it.
async fn observed(method: &str, path: &str, body: &str) -> String {
    let first = Arc::new(Mutex::new(None));
    let noted = Arc::clone(&first);
    let callbacks = Callbacks::new().inline(on_event(move |run, event| {
        let record: Value = serde_json::to_value(event.record(run)).unwrap();
        noted.lock().unwrap().get_or_insert(record);
    }));
    let layer = HttpCallbackLayer::new(callbacks);
    let server = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
        Ok::<_, BoxError>(Response::new(Scripted::chunks([""; 0])))
    });
    // Braces are no part of a target, and the places that they mark are names or ids.
    let target = path.replace(['{', '}'], "");
    let body = if body.is_empty() { "{}" } else { body };
    let request = Request::builder().method(method).uri(target);
    let request = request.header("content-type", "application/json");
    let request = request.body(Full::from(body.to_owned())).unwrap();
    let response = layer.clone().layer(server).oneshot(request).await.unwrap();
    let _ = response.into_body().collect().await;
    let record = first.lock().unwrap().take();
    match record {
        Some(record) => {
            let event = record["event"].as_str().unwrap();
            let kind = event.strip_suffix("_start").unwrap_or(event);
            let api = record["data"]["api"].as_str().map(|api| format!(", api `{api}`"));
            let fetched = if record["data"]["fetched"] == true { ", fetched" } else { "" };
            format!("run `{kind}`{}{fetched}", api.unwrap_or_default())
        }
        None if layer.stats().unobserved.is_empty() => "passes".to_owned(),
        None => "counted".to_owned(),
    }
}
