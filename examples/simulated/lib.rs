//! A simulated provider of the common wire formats in this process, so that the example works offline.
//!
//! The model's name selects its behaviour: `error-429` (or another status), `error-midstream`, `truncate` (the reply
//! ends without its end mark), `slow` (half a second per token), `tokens-500` (that many tokens). All other models answer
//! with the same joke. A model calls the first tool of the request, unless the last message is a tool's result.
//! It thinks first if the request asks for it (`thinking`, `reasoning`), or if its name begins with `reasoner`, and refuses
//! requests as the real ones do: results without calls, calls without results, thinking that is missing or changed.

mod anthropic;
mod chat;
mod completions;
mod embeddings;
mod gemini;
mod model;
mod ollama;
mod openai;
mod refusals;
mod responses;
mod stream;
mod thought;

use std::{io, time::Duration};

use axum::{
    Json, Router,
    extract::DefaultBodyLimit,
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{get, post},
    serve::ListenerExt,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Returns the provider, which pauses before each token.
pub fn provider(pace: Duration) -> Router {
    Router::new()
        .route("/v1/messages", post(anthropic::messages))
        .route("/v1/chat/completions", post(chat::completions))
        .route("/v1/completions", post(completions::completions))
        .route("/v1/embeddings", post(embeddings::embeddings))
        .route("/v1/responses", post(responses::create))
        .route("/v1/responses/{id}", get(responses::retrieve))
        .route("/v1beta/models/{call}", post(gemini::generate_content))
        .route("/api/chat", post(ollama::chat))
        .route("/api/generate", post(ollama::generate))
        .route("/v1/models", get(models))
        .fallback(not_found)
        .layer(DefaultBodyLimit::disable())
        .with_state(pace)
}

/// Starts the provider on a free port of this machine and returns its URL. It ends with the runtime.
pub async fn serve() -> io::Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let listener = listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    });
    let provider = provider(Duration::from_millis(5));
    tokio::spawn(async move { axum::serve(listener, provider).await });
    Ok(url)
}

async fn models() -> Json<Value> {
    let names = ["joker", "slow", "tokens-500", "truncate", "error-429", "error-midstream"];
    let models: Vec<Value> = names
        .iter()
        .map(|id| json!({"id": id, "object": "model", "created": 1_700_000_000, "owned_by": "simulated"}))
        .collect();
    Json(json!({"object": "list", "data": models}))
}

async fn not_found(uri: Uri) -> Response {
    let message = format!("The simulated provider has no endpoint {}", uri.path());
    let error = json!({"error": {"message": message, "type": "not_found_error"}});
    (StatusCode::NOT_FOUND, Json(error)).into_response()
}
