//! What HTTP calls reserve, whatever handlers get of them, and what they spend whose client leaves before the answer.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::FutureExt;
use http::{Request, Response, StatusCode, header::RETRY_AFTER};
use http_body_util::Full;
use serde_json::{Value, json};
use tower::{BoxError, Layer, Service, service_fn};
use tower_llm_callbacks::{
    Callbacks, ContentCapture, HttpCallbackLayer, handlers::BudgetGuard, http_layer::RequestBody,
    on_llm_start,
};

use super::all;

const CHAT: &str = "/v1/chat/completions";

fn guard() -> BudgetGuard {
    BudgetGuard::builder().tokens(1_000_000).usage_estimator(support::pieces()).build()
}

fn counting() -> BudgetGuard {
    BudgetGuard::builder().tokens(1_000_000).build()
}

fn layer(guard: &BudgetGuard) -> HttpCallbackLayer {
    HttpCallbackLayer::new(Callbacks::new().inline(guard.clone()))
}

/// Makes a call that is not answered, and leaves. Returns the tokens that it reserved.
fn reserved(layer: &HttpCallbackLayer, guard: &BudgetGuard, path: &str, body: &Value) -> u64 {
    let upstream = service_fn(|_: Request<RequestBody<Full<Bytes>>>| {
        std::future::pending::<Result<Response<Full<Bytes>>, BoxError>>()
    });
    let request = Request::post(path).header("content-type", "application/json");
    let request = request.body(Full::from(body.to_string())).unwrap();
    let mut call = Box::pin(layer.layer(upstream).call(request));
    assert!((&mut call).now_or_never().is_none(), "{path} {body}");
    let reserved = all(guard).reserved_tokens;
    drop(call);
    assert_eq!(all(guard).reserved_tokens, 0);
    reserved
}

#[tokio::test]
async fn content_that_handlers_do_not_get_is_reserved() {
    let messages = json!([{"role": "user", "content": "word ".repeat(2_000)}]);
    let contents = json!([{"role": "user", "parts": [{"text": "word ".repeat(2_000)}]}]);
    for (path, body) in [
        (CHAT, json!({"model": "gpt-4o", "max_tokens": 100, "messages": messages})),
        (
            "/v1beta/models/gemini-2.5-flash:generateContent",
            json!({"contents": contents, "generationConfig": {"maxOutputTokens": 100}}),
        ),
        ("/api/chat", json!({"model": "m", "messages": messages, "options": {"num_predict": 100}})),
    ] {
        let of = |content| {
            let (guard, shown) = (counting(), Arc::new(Mutex::new(String::new())));
            let seen = Arc::clone(&shown);
            let show = on_llm_start(move |_, start| {
                *seen.lock().unwrap() = format!("{start:?} {}", json!(start));
            });
            let callbacks = Callbacks::new().inline(guard.clone()).inline(show);
            let layer = HttpCallbackLayer::new(callbacks).content(content);
            let tokens = reserved(&layer, &guard, path, &body);
            let shown = shown.lock().unwrap().contains("word word");
            (tokens, shown)
        };
        let (full, shown) = of(ContentCapture::Full);
        assert!(full > 2_000 && shown, "{path} reserves {full}");
        for content in [ContentCapture::Off, ContentCapture::Limited(5)] {
            assert_eq!(of(content), (full, false), "{path}, {content:?}");
        }
    }
}

#[tokio::test]
async fn each_name_of_the_limit_of_an_answer_is_reserved() {
    let message = json!([{"role": "user", "content": "Hi"}]);
    let converse = json!([{"role": "user", "content": [{"text": "Hi"}]}]);
    let invoke = |model: &str| format!("/model/{model}/invoke");
    for (path, body, tokens) in [
        (
            "/model/amazon.nova-lite-v1:0/converse".to_owned(),
            json!({"messages": converse, "inferenceConfig": {"maxTokens": 100}}),
            100,
        ),
        (
            invoke("amazon.nova-lite-v1:0"),
            json!({"messages": converse, "inferenceConfig": {"max_new_tokens": 100}}),
            100,
        ),
        (
            invoke("amazon.titan-text-express-v1"),
            json!({"inputText": "Hi", "textGenerationConfig": {"maxTokenCount": 100}}),
            100,
        ),
        (invoke("meta.llama3-8b-instruct-v1:0"), json!({"prompt": "Hi", "max_gen_len": 100}), 100),
        ("/completion".to_owned(), json!({"prompt": "Hi", "n_predict": 100}), 100),
        ("/completion".to_owned(), json!({"prompt": "Hi", "n_predict": -1}), 0),
        (
            "/generate".to_owned(),
            json!({"inputs": "Hi", "parameters": {"max_new_tokens": 100, "best_of": 2}}),
            200,
        ),
        (CHAT.to_owned(), json!({"model": "m", "max_tokens": 5000.0, "messages": message}), 5_000),
        (
            "/v1/completions".to_owned(),
            json!({"model": "m", "max_tokens": 100, "best_of": 3, "n": 2, "prompt": "Hi"}),
            300,
        ),
        (
            "/v1/completions".to_owned(),
            json!({"model": "m", "max_tokens": 100, "prompt": ["a", "b", "c"]}),
            300,
        ),
        (
            "/v1/completions".to_owned(),
            json!({"model": "m", "max_tokens": 100, "prompt": [1, 2, 3]}),
            100,
        ),
        // A chat is one prompt, of several messages.
        (
            CHAT.to_owned(),
            json!({"model": "m", "max_tokens": 100, "messages": [message[0], message[0]]}),
            100,
        ),
    ] {
        let guard = guard();
        assert_eq!(reserved(&layer(&guard), &guard, &path, &body), tokens, "{path} {body}");
    }
}

/// The bypass: the provider answers all the same, and a client that had left used to be charged for its prompt only.
#[tokio::test]
async fn a_call_that_is_left_before_its_answer_spends_what_it_reserved() {
    let messages = json!([{"role": "user", "content": "Hi"}]);
    let body = json!({"model": "gpt-4o", "max_tokens": 400, "messages": messages});
    let guard = counting();
    let held = reserved(&layer(&guard), &guard, CHAT, &body);
    assert!(held > 400);
    assert_eq!(all(&guard).spent_tokens, held);

    // A refusal of the provider is free.
    let guard = counting();
    let upstream = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
        let error = json!({"error": {"message": "overloaded"}}).to_string();
        Ok::<_, BoxError>(support::http::json(503, Full::<Bytes>::from(error)))
    });
    let request = Request::post(CHAT).header("content-type", "application/json");
    let request = request.body(Full::from(body.to_string())).unwrap();
    let response = layer(&guard).layer(upstream).call(request).await.unwrap();
    support::http::read(response.into_body()).await;
    assert_eq!((all(&guard).spent_tokens, all(&guard).reserved_tokens), (0, 0));
}

#[tokio::test]
async fn a_call_that_never_fits_is_not_to_be_repeated() {
    let hour = std::time::Duration::from_secs(3600);
    let guard = BudgetGuard::builder().tokens(50).every(hour).usage_estimator(support::pieces());
    let guard = guard.build();
    let layer = layer(&guard);
    let ask = async |tokens: u64| {
        let upstream = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
            let usage = json!({"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30});
            let choice = json!({"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"});
            let answer = json!({"object": "chat.completion", "choices": [choice], "usage": usage});
            Ok::<_, BoxError>(support::http::json(200, Full::<Bytes>::from(answer.to_string())))
        });
        let messages = json!([{"role": "user", "content": "Hi"}]);
        let body = json!({"model": "m", "max_tokens": tokens, "messages": messages});
        let request = Request::post(CHAT).header("content-type", "application/json");
        let request = request.body(Full::from(body.to_string())).unwrap();
        let response = layer.layer(upstream).call(request).await.unwrap();
        let (status, again) = (response.status(), response.headers().contains_key(RETRY_AFTER));
        let body = support::http::read(response.into_body()).await.0;
        (status, again, String::from_utf8(body).unwrap())
    };
    let (status, again, body) = ask(4_096).await;
    assert_eq!((status, again), (StatusCode::TOO_MANY_REQUESTS, false));
    assert!(body.contains(super::NEVER_FITS), "{body}");
    assert_eq!(ask(50).await.0, StatusCode::OK);
    // Of this size one fits again, in the next window.
    let (status, again, body) = ask(50).await;
    assert_eq!((status, again), (StatusCode::TOO_MANY_REQUESTS, true));
    assert!(body.contains(super::TOO_MUCH), "{body}");
    // And this one in none.
    assert!(!ask(51).await.1);
}
