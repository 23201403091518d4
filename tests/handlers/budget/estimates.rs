//! Calls whose provider reports nothing, or whose client leaves before it does, are charged by estimates.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header::RETRY_AFTER};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use support::http::{Scripted, event_stream};
use tower::{BoxError, Layer, service_fn};
use tower_llm_callbacks::{
    Callbacks, HttpCallbackLayer,
    handlers::{BudgetGuard, PriceTable, Prices, UsageTotals},
    http_layer::{RequestBody, ResponseBody},
};

const PROMPT: &str = "Name some words that are in every dictionary of the language, please";
/// The tokens of the prompt by o200k, and of the message around it.
const PROMPT_TOKENS: u64 = 12 + 7;

fn request() -> Request<Full<Bytes>> {
    let messages = json!([{"role": "user", "content": PROMPT}]);
    let body = json!({"model": "gpt-4o", "stream": true, "messages": messages});
    Request::post("/v1/chat/completions").body(body.to_string().into()).unwrap()
}

/// An answer of common words, each a token and a chunk, without usage: as OpenAI sends it by default.
fn answer(words: usize) -> Response<Scripted> {
    const WORDS: [&str; 8] =
        [" time", " people", " water", " house", " day", " night", " sun", " tree"];
    let chunk = |delta: Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        let chunk = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-4o", "choices": [choice]});
        format!("data: {chunk}\n\n")
    };
    let chunks = (0..words).map(|at| chunk(json!({"content": WORDS[at % 8]}), Value::Null));
    let end = [chunk(json!({}), "stop".into()), "data: [DONE]\n\n".to_owned()];
    event_stream(Scripted::chunks(chunks.chain(end)))
}

/// Makes a call, reads so many chunks and leaves. Returns the response's head, and how many chunks it read.
async fn leave_after(
    layer: &HttpCallbackLayer,
    words: usize,
    chunks: usize,
    received: &Arc<AtomicU64>,
) -> (Response<()>, usize) {
    let received = Arc::clone(received);
    let upstream = service_fn(move |_: Request<RequestBody<Full<Bytes>>>| {
        let received = Arc::clone(&received);
        async move {
            received.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Ok::<_, BoxError>(answer(words))
        }
    });
    let response: Response<ResponseBody<Scripted>> =
        layer.layer(upstream).oneshot(request()).await.unwrap();
    let (head, mut body) = response.into_parts();
    let mut read = 0;
    while read < chunks {
        match body.frame().await {
            Some(Ok(_)) => read += 1,
            _ => break,
        }
        tokio::task::yield_now().await;
    }
    (Response::from_parts(head, ()), read)
}

/// The bypass: without `include_usage`, or gone before the last chunk, a client used to be charged next to nothing.
#[tokio::test]
async fn leaving_before_the_last_chunk_does_not_bypass_the_budget() {
    for chunks in [0, 100, 200, 201, usize::MAX] {
        let guard = BudgetGuard::builder()
            .tokens(2_000)
            .every(std::time::Duration::from_secs(3600))
            .build();
        let layer = HttpCallbackLayer::new(Callbacks::new().inline(guard.clone()));
        let mut calls = 0_u64;
        let refused = loop {
            let (head, _) = leave_after(&layer, 200, chunks, &Arc::default()).await;
            if head.status() != StatusCode::OK {
                break head;
            }
            calls += 1;
            assert!(calls < 1_000, "the budget is bypassed by leaving after {chunks} chunks");
        };
        let delivered = PROMPT_TOKENS + chunks.min(200) as u64;
        let expected = 2_000_u64.div_ceil(delivered);
        let off = calls.abs_diff(expected);
        assert!(off <= expected.div_ceil(8), "{calls} calls of {delivered} tokens");
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        let seconds: u64 = refused.headers()[RETRY_AFTER].to_str().unwrap().parse().unwrap();
        assert!((3_500..=3_600).contains(&seconds), "the window renews in {seconds} s");
    }
}

/// A dollar, and a thousand calls at once that are cancelled at random: what providers would charge stays within the error
/// of the estimates.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_budget_of_a_dollar_is_not_overspent_by_concurrent_calls() {
    // A cent for 100 input tokens, and for 20 output tokens.
    let table = r#"{"currency": "USD", "models": {"gpt-4o": {"input": "100", "output": "500"}}}"#;
    let prices = Prices::from(table.parse::<PriceTable>().unwrap());
    let guard = BudgetGuard::builder()
        .money("1".parse().unwrap())
        .prices(prices.clone())
        .abort_running()
        .build();
    let totals = UsageTotals::builder().prices(prices).build();
    let callbacks = Callbacks::new().inline(guard.clone()).inline(totals.clone());
    let layer = HttpCallbackLayer::new(callbacks);
    let (requests, words) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut state = 0x9E37_79B9_u64;
    let calls: Vec<_> = (0..1_000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (layer, chunks) = (layer.clone(), (state >> 33) as usize % 80);
            let (requests, words) = (Arc::clone(&requests), Arc::clone(&words));
            tokio::spawn(async move {
                let (head, read) = leave_after(&layer, 70, chunks, &requests).await;
                // A refusal has a body, too.
                if head.status() == StatusCode::OK {
                    words.fetch_add(read.min(70) as u64, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    // In hundredths of a cent.
    let requests = requests.load(Ordering::Relaxed);
    let spent = PROMPT_TOKENS * requests + 5 * words.load(Ordering::Relaxed);
    assert!(spent <= 10_000 * 110 / 100, "{spent} of 10,000 were spent");
    assert!(spent >= 10_000 * 80 / 100, "{requests} calls spent {spent} of 10,000");
    let key = super::all(&guard);
    assert_eq!((key.reserved_tokens, guard.report().open_runs), (0, 0));
    assert!(key.refused_runs > 0);
    let cost = totals.snapshot().total.cost.unwrap();
    assert_eq!(cost.total(), key.spent, "totals and budget agree");
    assert_eq!(cost.reported, "0".parse().unwrap());
}
