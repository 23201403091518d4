//! The shapes of paths: a path without the names and ids in it.

use http::Method;

use crate::redact;

/// The most segments of a shape. What follows is left out.
const MAX_SEGMENTS: usize = 12;
/// A word is no longer than this. Ids are.
const MAX_WORD: usize = 24;
/// What stands for a segment that is left out.
const HIDDEN_SEGMENT: &str = "/{}";

/// Segments that begin the paths of LLM APIs, beside versions.
const PREFIXES: [&str; 13] = [
    "openai",
    "anthropic",
    "api",
    "model",
    "models",
    "async-invoke",
    "serving-endpoints",
    "compatible-mode",
    "backend-api",
    "ws",
    "mcp",
    "pipeline",
    "agentAliases",
];

/// Operations of servers whose paths have no prefix.
const OPERATIONS: [&str; 23] = [
    "completion",
    "completions",
    "infill",
    "generate",
    "generate_stream",
    "embed",
    "embed_all",
    "embed_sparse",
    "embedding",
    "embeddings",
    "rerank",
    "reranking",
    "classify",
    "pooling",
    "similarity",
    "inference",
    "token_counter",
    "retrieveAndGenerate",
    "responses",
    "messages",
    "realtime",
    "invocations",
    "invocations-response-stream",
];

/// Words that follow the name of a collection without being the name of one of its items.
const WORDS: [&str; 48] = [
    "actions",
    "batch",
    "batches",
    "cancel",
    "chat",
    "checkpoints",
    "compact",
    "completions",
    "content",
    "converse",
    "converse-stream",
    "count",
    "count-tokens",
    "count_tokens",
    "edits",
    "embeddings",
    "events",
    "files",
    "generate",
    "generations",
    "images",
    "input_items",
    "input_tokens",
    "invocations",
    "invoke",
    "invoke-with-response-stream",
    "items",
    "jobs",
    "messages",
    "metrics",
    "openapi",
    "ps",
    "pull",
    "realtime",
    "rerank",
    "responses",
    "results",
    "runs",
    "search",
    "sessions",
    "speech",
    "status",
    "stream",
    "tokenize",
    "tokens",
    "transcriptions",
    "translations",
    "variations",
];

/// Collections whose names are no plurals.
const COLLECTIONS: [&str; 5] = ["model", "guardrail", "version", "publisher", "mcp"];

/// Returns the shape of a path in its normal form; `None` if it is not that of an LLM API.
///
/// Whatever may name something, or be secret, is `{}`: what has digits, is long, is no word, follows the name of a collection,
/// or is before what begins the path of an API.
pub(super) fn of(method: &Method, path: &str) -> Option<String> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let (last, before) = segments.split_last()?;
    let begins = before.iter().position(|it| is_version(it) || PREFIXES.contains(it));
    // A stream of the Model Context Protocol is a GET.
    let is_operation = *last == "mcp" || *method == Method::POST && OPERATIONS.contains(last);
    let begins = begins.or(is_operation.then_some(before.len()))?;
    let mut shape = HIDDEN_SEGMENT.repeat(begins.min(MAX_SEGMENTS));
    let mut in_collection = false;
    for (at, segment) in segments.iter().enumerate().take(MAX_SEGMENTS).skip(begins) {
        let is_known = is_version(segment) || WORDS.contains(segment);
        let names = segment.ends_with('s') || COLLECTIONS.contains(segment);
        let mut is_shown = true;
        match segment.rsplit_once(':') {
            // A method, such as `countTokens`, of what is before the colon.
            Some((_, method)) if at + 1 == segments.len() && is_word(method) => {
                shape.extend([HIDDEN_SEGMENT, ":", method]);
            }
            None if is_known || (is_word(segment) && !in_collection) => {
                shape.extend(["/", segment]);
            }
            _ => {
                shape.push_str(HIDDEN_SEGMENT);
                is_shown = false;
            }
        }
        in_collection = is_shown && names;
    }
    Some(shape)
}

/// Whether a segment is the version of an API: `v1`, `v1beta`, `v1alpha2`.
fn is_version(segment: &str) -> bool {
    let Some(rest) = segment.strip_prefix('v') else { return false };
    let digits = |text: &str| text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let major = rest.len() - digits(rest);
    let rest = &rest[major..];
    let minor = ["alpha", "beta"].iter().find_map(|stage| rest.strip_prefix(stage));
    (1..=3).contains(&major)
        && minor.map_or(rest.is_empty(), |minor| digits(minor) == 0 && minor.len() < 3)
}

/// Whether a segment is one or several words of letters, none of which is long, in the case of paths and methods. Ids and
/// keys have capitals beside each other.
fn is_word(segment: &str) -> bool {
    let is_word = |word: &str| {
        let bytes = word.as_bytes();
        (1..=MAX_WORD).contains(&word.len())
            && bytes[0].is_ascii_lowercase()
            && bytes.iter().all(u8::is_ascii_alphabetic)
            && !bytes.windows(2).any(|pair| pair.iter().all(u8::is_ascii_uppercase))
    };
    let is_key = || redact::text(segment) != segment;
    segment.len() <= 2 * MAX_WORD && segment.split(['-', '_']).all(is_word) && !is_key()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_tell_the_operation_but_no_names() {
        for (path, expected) in [
            ("/v1/models", "/v1/models"),
            ("/v1/models/deepseek-chat", "/v1/models/{}"),
            ("/v1beta/models/gemini-2.5-flash:countTokens", "/v1beta/models/{}:countTokens"),
            ("/v1/models/a:b:sk-123", "/v1/models/{}"),
            ("/v1/audio/speech", "/v1/audio/speech"),
            ("/v1/images/generations", "/v1/images/generations"),
            ("/v1/messages/batches/msgbatch_01/results", "/v1/messages/batches/{}/results"),
            ("/v1/vector_stores/vs_1/files/file-x9", "/v1/vector_stores/{}/files/{}"),
            ("/v1/users/alice/usage", "/v1/users/{}/usage"),
            ("/v1/fine_tuning/jobs/ftjob-a1/cancel", "/v1/fine_tuning/jobs/{}/cancel"),
            ("/model/us.amazon.nova-v1:0/converse-stream", "/model/{}/converse-stream"),
            ("/openai/deployments/mine/audio/speech", "/openai/deployments/{}/audio/speech"),
            (
                "/v1/projects/p/locations/eu/publishers/google/models/x:predict",
                "/v1/projects/{}/locations/{}/publishers/{}/models/{}:predict",
            ),
            (
                "/v1/projects/p/locations/us/publishers/google/models",
                "/v1/projects/{}/locations/{}/publishers/{}/models",
            ),
            ("/api/tags", "/api/tags"),
            ("/v2/rerank", "/v2/rerank"),
            ("/secret/v1/models", "/{}/v1/models"),
            ("/v1/me@example.com", "/v1/{}"),
            ("/v1/0193b6a2-7c1f-7a10-9a3e-1f2e3d4c5b6a", "/v1/{}"),
            ("/v1/abcdefghijklmnopqrstuvwxyzabc", "/v1/{}"),
            ("/v1/CANARY", "/v1/{}"),
            ("/v1/aBcDEfGhIjK", "/v1/{}"),
            ("/v1/sk-abcdefghijkl", "/v1/{}"),
            ("/v1/batchEmbed", "/v1/batchEmbed"),
            ("/infill", "/infill"),
            ("/a/embeddings", "/{}/embeddings"),
        ] {
            assert_eq!(of(&Method::POST, path).as_deref(), Some(expected), "{path}");
        }
        for path in ["", "/", "/v1", "/health", "/index.html", "/vectors/x", "/v1x/y", "*"] {
            assert_eq!(of(&Method::POST, path), None, "{path}");
        }
        assert_eq!(of(&Method::GET, "/embeddings"), None);
        assert_eq!(of(&Method::GET, "/mcp").as_deref(), Some("/mcp"));
    }
}
