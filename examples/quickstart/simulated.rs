//! A local server that simulates Anthropic's Messages API, so that the example runs without a key and a network.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use futures::{StreamExt, stream};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpListener, time::sleep};

/// The tokens of every answer.
const TOKENS: [&str; 24] = [
    "Here", "'s", " a", " little", " joke", " for", " you", ":", "\n\nWhy", " can", "'t", " a",
    " bicycle", " stand", " up", " by", " itself", "?", " Because", " it", "'s", " two", "-",
    "tire",
];

/// The reported number of output tokens: the last token event counts as two.
const OUTPUT_TOKENS: u64 = 25;

/// The pause between tokens.
const PAUSE: Duration = Duration::from_millis(5);

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Starts the server on a free loopback port. It stops with the runtime.
pub(crate) async fn serve() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let _ = connection.set_nodelay(true);
            let server = http1::Builder::new();
            tokio::spawn(server.serve_connection(TokioIo::new(connection), service_fn(answer)));
        }
    });
    Ok(address)
}

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    static REQUESTS: AtomicU64 = AtomicU64::new(1);
    let id = REQUESTS.fetch_add(1, Ordering::Relaxed);

    let mut response = if request.method() != Method::POST || request.uri().path() != "/v1/messages"
    {
        error(StatusCode::NOT_FOUND, "not_found_error", "Not found", id)
    } else {
        let body = request.into_body().collect().await?.to_bytes();
        match serde_json::from_slice::<Value>(&body) {
            Ok(body) => message(&body, id),
            Err(_) => invalid("The request body is not valid JSON", id),
        }
    };
    let id = request_id(id).parse().expect("a valid header value");
    response.headers_mut().insert("request-id", id);
    Ok(response)
}

fn message(request: &Value, id: u64) -> Response<Body> {
    let Some(model) = request["model"].as_str() else {
        return invalid("model: Field required", id);
    };
    let Some(max_tokens) = request["max_tokens"].as_u64() else {
        return invalid("max_tokens: Field required", id);
    };
    if max_tokens == 0 {
        return invalid("max_tokens: must be greater than or equal to 1", id);
    }
    let tokens = TOKENS.iter().copied().take(usize::try_from(max_tokens).unwrap_or(usize::MAX));
    let stop_reason = if max_tokens <= OUTPUT_TOKENS { "max_tokens" } else { "end_turn" };
    let output_tokens = max_tokens.min(OUTPUT_TOKENS);
    let mut message = json!({
        "id": format!("msg_{id:024}"), "type": "message", "role": "assistant", "model": model,
        "content": [], "stop_reason": null, "stop_sequence": null,
        "usage": {"input_tokens": 11, "output_tokens": 1},
    });

    if request["stream"] != true {
        message["content"] = json!([{"type": "text", "text": tokens.collect::<String>()}]);
        message["stop_reason"] = stop_reason.into();
        message["usage"]["output_tokens"] = output_tokens.into();
        return json_response(StatusCode::OK, &message);
    }

    let empty = json!({"type": "text", "text": ""});
    let first = [
        json!({"type": "message_start", "message": message}),
        json!({"type": "content_block_start", "index": 0, "content_block": empty}),
        json!({"type": "ping"}),
    ];
    let tokens = tokens.map(|text| {
        let delta = json!({"type": "text_delta", "text": text});
        json!({"type": "content_block_delta", "index": 0, "delta": delta})
    });
    let stop = json!({"stop_reason": stop_reason, "stop_sequence": null});
    let usage = json!({"output_tokens": output_tokens});
    let last = [
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": stop, "usage": usage}),
        json!({"type": "message_stop"}),
    ];
    let events: Vec<Value> = first.into_iter().chain(tokens).chain(last).collect();
    let frames = stream::iter(events).then(async |event| {
        if event["type"] == "content_block_delta" {
            sleep(PAUSE).await;
        }
        Ok(Frame::data(sse_event(&event)))
    });
    response(StatusCode::OK, "text/event-stream; charset=utf-8", StreamBody::new(frames))
}

fn sse_event(event: &Value) -> Bytes {
    let name = event["type"].as_str().unwrap_or_default();
    format!("event: {name}\ndata: {event}\n\n").into()
}

fn invalid(message: &str, id: u64) -> Response<Body> {
    error(StatusCode::BAD_REQUEST, "invalid_request_error", message, id)
}

fn error(status: StatusCode, kind: &str, message: &str, id: u64) -> Response<Body> {
    let error = json!({"type": kind, "message": message});
    json_response(status, &json!({"type": "error", "error": error, "request_id": request_id(id)}))
}

fn request_id(id: u64) -> String {
    format!("req_{id:024}")
}

fn json_response(status: StatusCode, body: &Value) -> Response<Body> {
    response(status, "application/json", Full::from(body.to_string()))
}

fn response<B>(status: StatusCode, content_type: &'static str, body: B) -> Response<Body>
where
    B: hyper::body::Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = status;
    let content_type = hyper::header::HeaderValue::from_static(content_type);
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, content_type);
    response
}
