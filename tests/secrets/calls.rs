//! Calls with a secret in every possible place, and the ways for them to end.

use std::io;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};
use support::http::{HELLO, Scripted, Step, WHOLE, data, event_stream, json};
use tower::BoxError;
use tower_llm_callbacks::{ErrorKind, http_layer::TransportFailure};

const REQUEST_HEADERS: [&str; 39] = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "ocp-apim-subscription-key",
    "x-amz-security-token",
    "x-amz-date-signature",
    "cookie",
    "x-auth-token",
    "x-goog-iam-authorization-token",
    "x-goog-user-project",
    "x-litellm-api-key",
    "x-portkey-api-key",
    "x-portkey-virtual-key",
    "helicone-auth",
    "cf-aig-authorization",
    "cf-access-client-secret",
    "cf-access-jwt-assertion",
    "x-vercel-oidc-token",
    "openai-organization",
    "openai-project",
    "anthropic-workspace-id",
    "x-forwarded-for",
    "referer",
    "user-agent-password",
    "x-any-secret",
    "x-unheard-of",
    "baggage",
    "tracestate",
    "origin",
    "host",
    "from",
    "forwarded",
    "x-user-email",
    "signature",
    "sec-websocket-protocol",
    "x-session-id",
    "x-codex-turn-metadata",
];

const RESPONSE_HEADERS: [&str; 8] = [
    "set-cookie",
    "www-authenticate",
    "location",
    "x-api-key",
    "anthropic-organization-id",
    "openai-organization",
    "x-unheard-of",
    "authentication-info",
];

/// A secret in a realistic form, with the name of its place.
fn secret(place: &str) -> String {
    format!("sk-ant-api03-CANARY{place}0123456789abcdefghijklmnopqrstuvwxyz")
}

fn headers(names: &[&str]) -> HeaderMap {
    let named = |name: &&str| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), secret(name).parse().unwrap())
    };
    names.iter().map(named).collect()
}

/// A body with a secret in every possible place.
pub(crate) fn body() -> Value {
    let url = |place: &str| {
        format!(
            "https://u:CANARY-{place}@h.example/p/i.png?X-Amz-Signature=CANARY-{place}&key=CANARY-{place}#CANARY"
        )
    };
    json!({
        "model": "claude", "max_tokens": 9, "stream": true,
        "mcp_servers": [{
            "type": "url", "name": "files", "url": url("mcp"),
            "authorization_token": "CANARY-mcp-token", "headers": {"x-any": "CANARY-mcp-header"},
        }],
        "tools": [{
            "type": "mcp", "server_label": "files", "server_url": url("tool"),
            "authorization": "CANARY-tool-authorization",
            "headers": {"x-any": "CANARY-tool-header", "Authorization": "Bearer CANARY"},
        }],
        "metadata": {"user_id": "CANARY-user-id"},
        "user": "CANARY-user",
        "safety_identifier": "CANARY-safety",
        "prompt_cache_key": secret("cache"),
        "api_key": "CANARY-api-key",
        "extra_headers": {"authorization": "CANARY-extra"},
        "extra": {"password": "CANARY-password", "client_secret": ["CANARY-client-secret"]},
        "encrypted_content": "CANARY-encrypted",
        "system": [{"type": "text", "text": "Be brief"}],
        "messages": [
            {"role": "user", "content": [
                {"type": "image", "source": {"type": "url", "url": url("image")}},
                {"type": "image_url", "image_url": {"url": url("image_url")}},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,CANARYdata0123456789"}},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "CANARYbase64"}},
                {"type": "file", "file": {"file_data": "data:application/pdf;base64,CANARYfile"}},
                {"type": "input_image", "image_url": url("input_image")},
                {"inline_data": {"mime_type": "image/png", "data": "CANARYinline"}},
            ]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "Hm", "signature": "CANARY-signature"},
                {"type": "redacted_thinking", "data": "CANARY-redacted"},
                {"type": "reasoning", "encrypted_content": "CANARY-encrypted-reasoning"},
                {"thoughtSignature": "CANARY-thought-signature"},
            ]},
        ],
    })
}

pub(crate) type Target = &'static str;

pub(crate) const TARGETS: [Target; 2] = [
    "/v1/messages?key=CANARY&api_key=CANARY&X-Amz-Credential=CANARY&nothing=CANARY",
    "https://me:CANARY@api.example/v1/messages?key=CANARY",
];

pub(crate) fn request(target: Target) -> Request<Full<Bytes>> {
    let mut request = Request::post(target).body(Full::from(body().to_string())).unwrap();
    *request.headers_mut() = headers(&REQUEST_HEADERS);
    request.extensions_mut().insert(Extension("CANARY-extension"));
    request
}

#[derive(Debug, Clone)]
struct Extension(#[allow(dead_code, reason = "used by Debug")] &'static str);

const ECHOES: &str = r#"{"type":"error","error":{"type":"authentication_error","message":"Incorrect API key provided: sk-proj-CANARY0123456789abcdefghijkl. See https://u:CANARY@h.example/p?key=CANARY"}}"#;

/// An upstream's answer. [`WAYS`] has the expected error kind of each.
pub(crate) type Answer = fn() -> Result<Response<Scripted>, BoxError>;

const QUOTES: &str = "error sending request for url (https://u:CANARY@h/p?key=CANARY&sig=CANARY)";

/// Adds headers with secrets to a response.
pub(crate) fn with_secrets(mut response: Response<Scripted>) -> Response<Scripted> {
    response.headers_mut().extend(headers(&RESPONSE_HEADERS));
    response.extensions_mut().insert(Extension("CANARY-response"));
    response
}

fn respond(response: Response<Scripted>) -> Result<Response<Scripted>, BoxError> {
    Ok(with_secrets(response))
}

pub(crate) const WAYS: [(Option<ErrorKind>, Answer); 11] = [
    (None, || respond(event_stream(Scripted::chunks(HELLO)))),
    (None, || respond(json(200, Scripted::chunks([WHOLE])))),
    (Some(ErrorKind::Truncated), || {
        respond(event_stream(Scripted::chunks(["data: {CANARY}\n\n"])))
    }),
    (Some(ErrorKind::Truncated), || respond(json(200, Scripted::chunks(["{\"CANARY\": CANARY"])))),
    (Some(ErrorKind::Provider), || respond(json(401, Scripted::chunks([ECHOES])))),
    (Some(ErrorKind::Provider), || {
        respond(json(500, Scripted::chunks(["<html><body><b>CANARY</b></body></html>"])))
    }),
    (Some(ErrorKind::Provider), || {
        respond(event_stream(Scripted::chunks([format!("event: error\ndata: {ECHOES}\n\n")])))
    }),
    (Some(ErrorKind::Transport), || Err(QUOTES.into())),
    (Some(ErrorKind::Transport), || {
        Err(Box::new(io::Error::other(io::Error::other(format!("Wrapped: {QUOTES}")))))
    }),
    (Some(ErrorKind::Transport), || {
        let mut response = json(502, Scripted::new([]));
        response.extensions_mut().insert(TransportFailure::new(QUOTES));
        respond(response)
    }),
    (Some(ErrorKind::Panic), || {
        respond(event_stream(Scripted::new([data(HELLO[1]), Step::Panic])))
    }),
];
