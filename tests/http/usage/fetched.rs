//! A fetch of a stored or background answer counts once.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use support::http::{Scripted, event_stream, json as json_answer};
use tower_llm_callbacks::{HttpCallbackLayer, LlmResult, event::UsageSource};

use super::{QUESTION, Results, call};

const USAGE: fn() -> Value =
    || json!({"input_tokens": 20, "output_tokens": 400, "total_tokens": 420});

fn response(status: &str, usage: &Value) -> Value {
    let text = json!({"type": "output_text", "text": "The tower of Constance."});
    let output = match status {
        "completed" => json!([{"type": "message", "role": "assistant", "content": [text]}]),
        _ => json!([]),
    };
    json!({"id": "resp_1", "object": "response", "status": status, "model": "gpt-5", "output": output, "usage": usage})
}

async fn post(
    layer: &HttpCallbackLayer,
    results: &Results,
    params: Value,
    answer: Value,
) -> LlmResult {
    let mut body = json!({"model": "gpt-5", "input": QUESTION});
    body.as_object_mut().unwrap().extend(params.as_object().unwrap().clone());
    let request = Request::post("/v1/responses").body(Full::from(body.to_string())).unwrap();
    call(layer, request, json_answer(200, Full::from(answer.to_string())), usize::MAX).await;
    results.one()
}

async fn get(layer: &HttpCallbackLayer, results: &Results, answer: Value) -> LlmResult {
    get_at(layer, results, "/v1/responses/resp_1", answer).await
}

async fn get_at(
    layer: &HttpCallbackLayer,
    results: &Results,
    target: &str,
    answer: Value,
) -> LlmResult {
    let request = Request::get(target).body(Full::<Bytes>::default()).unwrap();
    call(layer, request, json_answer(200, Full::from(answer.to_string())), usize::MAX).await;
    results.one()
}

async fn stream(layer: &HttpCallbackLayer, results: &Results, frames: usize) -> LlmResult {
    let target = "/v1/responses/resp_1?stream=true&starting_after=3";
    let request = Request::get(target).body(Full::<Bytes>::default()).unwrap();
    streamed(layer, results, request, frames).await
}

async fn streamed(
    layer: &HttpCallbackLayer,
    results: &Results,
    request: Request<Full<Bytes>>,
    frames: usize,
) -> LlmResult {
    let events = [
        json!({"type": "response.created", "response": response("in_progress", &Value::Null)}),
        json!({"type": "response.output_text.delta", "output_index": 0, "delta": "The tower "}),
        json!({"type": "response.output_text.delta", "output_index": 0, "delta": "of Constance."}),
        json!({"type": "response.completed", "response": response("completed", &USAGE())}),
    ];
    let body = Scripted::chunks(events.map(|event| format!("data: {event}\n\n")));
    call(layer, request, event_stream(body), frames).await;
    results.one()
}

fn is_counted(result: &LlmResult) -> bool {
    let Some(usage) = &result.usage else { return false };
    assert_eq!((usage.input_tokens, usage.output_tokens), (Some(20), Some(400)));
    assert_eq!(usage.source.output, Some(UsageSource::Reported));
    true
}

/// Azure's version is in the query of some calls, and not in that of others.
#[tokio::test]
async fn an_answer_counts_once_whatever_its_provider_is_called() {
    let results = Results::default();
    let layer = results.layer();
    let answer = response("completed", &USAGE());
    assert!(is_counted(&post(&layer, &results, json!({}), answer.clone()).await));
    let target = "/openai/v1/responses/resp_1?api-version=preview";
    let fetched = get_at(&layer, &results, target, answer).await;
    assert!(fetched.fetched && fetched.usage.is_none());
}

#[tokio::test]
async fn a_background_answer_counts_at_the_first_fetch_that_brings_its_usage() {
    for streamed_first in [false, true] {
        let results = Results::default();
        let layer = results.layer();
        let background = json!({"background": true});
        let queued = post(&layer, &results, background, response("queued", &Value::Null)).await;
        assert_eq!((queued.usage, queued.fetched), (None, false));
        for status in ["queued", "in_progress"] {
            let poll = get(&layer, &results, response(status, &Value::Null)).await;
            assert!(poll.usage.is_none() && poll.fetched, "{status}");
        }
        // A fetch that is dropped brings nothing, and does not take the usage from the next.
        let dropped = stream(&layer, &results, 2).await;
        assert!(dropped.usage.is_none() && dropped.fetched);
        assert_eq!(dropped.text(), "The tower ");
        let mut counted = vec![];
        for round in 0..4 {
            let fetched = match (round % 2 == 0) == streamed_first {
                true => stream(&layer.clone(), &results, usize::MAX).await,
                false => get(&layer, &results, response("completed", &USAGE())).await,
            };
            assert!(fetched.fetched);
            assert_eq!(fetched.text(), "The tower of Constance.");
            counted.push(is_counted(&fetched));
        }
        assert_eq!(counted, [true, false, false, false]);
    }
}

/// The provider goes on with the answer. What came is estimated, and the call that resumes or fetches it counts the rest of
/// the report, so that the sum is right with and without such a call.
#[tokio::test]
async fn a_background_answer_whose_stream_is_cut_counts_once() {
    let create = |params: Value| {
        let mut body = json!({"model": "gpt-5", "input": QUESTION, "stream": true});
        body.as_object_mut().unwrap().extend(params.as_object().unwrap().clone());
        Request::post("/v1/responses").body(Full::from(body.to_string())).unwrap()
    };
    let counts = |result: &LlmResult| {
        let usage = result.usage.clone().unwrap_or_default();
        (usage.input_tokens.unwrap_or(0), usage.output_tokens.unwrap_or(0))
    };
    for (resumed, params) in [
        (false, json!({"background": true})),
        (true, json!({"background": true})),
        (false, json!({})),
    ] {
        let results = Results::default();
        let layer = results.layer();
        let cut = streamed(&layer, &results, create(params), 2).await;
        let usage = cut.usage.clone().expect("what came is estimated");
        assert!(usage.source.is_estimated());
        // A resumed stream may be cut, too.
        assert_eq!(stream(&layer, &results, 2).await.usage, None);
        let (mut input, mut output) = counts(&cut);
        assert!(input > 0 && output > 0 && output < 20, "{usage}");
        for round in 0..2 {
            let fetched = match resumed {
                true => stream(&layer, &results, usize::MAX).await,
                false => get(&layer, &results, response("completed", &USAGE())).await,
            };
            assert_eq!(fetched.usage.is_some(), round == 0);
            assert!(fetched.usage_raw.is_some());
            // The provider has not reported such a number.
            let source = fetched.usage.as_ref().and_then(|usage| usage.source.output);
            assert_ne!(source, Some(UsageSource::Reported));
            (input, output) = (input + counts(&fetched).0, output + counts(&fetched).1);
        }
        assert_eq!((input, output), (20.max(counts(&cut).0), 400));
    }
    // Read to its end, it counts at once.
    let results = Results::default();
    let layer = results.layer();
    let create = create(json!({"background": true}));
    assert!(is_counted(&streamed(&layer, &results, create, usize::MAX).await));
    assert!(stream(&layer, &results, usize::MAX).await.usage.is_none());
}

#[tokio::test]
async fn a_stored_answer_counts_at_its_call_only() {
    let results = Results::default();
    let layer = results.layer();
    let first = post(&layer, &results, json!({}), response("completed", &USAGE())).await;
    assert!(is_counted(&first) && !first.fetched);
    let fetched = get(&layer, &results, response("completed", &USAGE())).await;
    assert!(fetched.usage.is_none() && fetched.fetched);
    // What is not stored cannot be fetched; whoever answers all the same is counted.
    let results = Results::default();
    let layer = results.layer();
    post(&layer, &results, json!({"store": false}), response("completed", &USAGE())).await;
    assert!(is_counted(&get(&layer, &results, response("completed", &USAGE())).await));
}

#[tokio::test]
async fn a_fetch_that_fails_is_an_error_without_usage() {
    let results = Results::default();
    let request = Request::get("/v1/responses/resp_9").body(Full::<Bytes>::default()).unwrap();
    let answer = json_answer(404, Full::from(r#"{"error":{"message":"no such response"}}"#));
    call(&results.layer(), request, answer, usize::MAX).await;
    let result = results.one();
    assert!(result.usage.is_none() && result.fetched);
}

#[tokio::test]
async fn a_stored_chat_completion_counts_once() {
    let results = Results::default();
    let layer = results.layer();
    let answer = json!({"id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 400, "total_tokens": 420}});
    let body =
        json!({"model": "gpt-4o", "store": true, "messages": [{"role": "user", "content": "Hi"}]});
    let create = Request::post("/v1/chat/completions").body(Full::from(body.to_string())).unwrap();
    let fetch = Request::get("/v1/chat/completions/chatcmpl-1").body(Full::default()).unwrap();
    let mut counted = vec![];
    for request in [create, fetch.clone(), fetch] {
        let answer = json_answer(200, Full::from(answer.to_string()));
        call(&layer, request, answer, usize::MAX).await;
        counted.push(is_counted(&results.one()));
    }
    assert_eq!(counted, [true, false, false]);
    let messages = Request::get("/v1/chat/completions/chatcmpl-1/messages").body(Full::default());
    call(&layer, messages.unwrap(), json_answer(200, Full::from("{}")), usize::MAX).await;
    assert!(results.0.lock().unwrap().is_empty(), "a list of messages is no answer");
}

#[tokio::test]
async fn an_interaction_counts_once() {
    let interaction = |status: &str| {
        let (steps, usage) = match status {
            "completed" => (
                json!([{"type": "model_output", "content": [{"type": "text", "text": "Aigues-Mortes."}]}]),
                json!({"total_input_tokens": 20, "total_output_tokens": 380, "total_thought_tokens": 20,
                    "total_tokens": 420}),
            ),
            _ => (json!([]), Value::Null),
        };
        json!({"id": "v1_1", "object": "interaction", "status": status, "steps": steps, "usage": usage})
    };
    for background in [true, false] {
        let results = Results::default();
        let layer = results.layer();
        let answer = |status: &str| json_answer(200, Full::from(interaction(status).to_string()));
        let body = json!({"agent": "deep-research", "input": QUESTION, "background": background});
        let request = Request::post("/v1beta/interactions").body(Full::from(body.to_string()));
        let first = if background { "in_progress" } else { "completed" };
        call(&layer, request.unwrap(), answer(first), usize::MAX).await;
        let mut counted = vec![is_counted(&results.one())];
        for status in ["in_progress", "completed", "completed"] {
            let request = Request::get("/v1beta/interactions/v1_1").body(Full::<Bytes>::default());
            call(&layer, request.unwrap(), answer(status), usize::MAX).await;
            let poll = results.one();
            assert!(poll.fetched);
            counted.push(is_counted(&poll));
        }
        assert_eq!(counted, [!background, false, background, false]);
    }
}

/// A job that a server accepts is a call without usage, and its answer counts at the first fetch.
#[tokio::test]
async fn an_accepted_chat_counts_at_the_first_fetch_of_its_answer() {
    let counts = json!({"prompt_tokens": 20, "completion_tokens": 400, "total_tokens": 420});
    let completion = json!({"id": "chatcmpl-1", "object": "chat.completion", "model": "sonar-pro", "usage": counts,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Constance."}, "finish_reason": "stop"}]});
    let messages = json!([{"role": "user", "content": QUESTION}]);
    let perplexity = |status: &str, response: &Value| {
        json!({"id": "job_1", "model": "sonar-pro", "created_at": 1, "status": status, "response": response,
            "error_message": null})
    };
    let pending = perplexity("IN_PROGRESS", &Value::Null);
    for (post, request, accepted, get, pending, answer) in [
        (
            "/async/chat/completions",
            json!({"request": {"model": "sonar-pro", "messages": messages}}),
            perplexity("CREATED", &Value::Null),
            "/async/chat/completions/job_1",
            json_answer(200, Full::from(pending.to_string())),
            perplexity("COMPLETED", &completion),
        ),
        (
            "/v1/chat/completions",
            json!({"model": "sonar-pro", "messages": messages, "deferred": true}),
            json!({"request_id": "job_1"}),
            "/v1/chat/deferred-completion/job_1",
            json_answer(202, Full::default()),
            completion.clone(),
        ),
        (
            "/api/paas/v4/async/chat/completions",
            json!({"model": "sonar-pro", "messages": messages}),
            json!({"id": "job_1", "request_id": "r", "model": "glm", "task_status": "PROCESSING"}),
            "/v1/chat/completions/job_1",
            json_answer(202, Full::default()),
            completion.clone(),
        ),
    ] {
        let results = Results::default();
        let layer = results.layer();
        let create = Request::post(post).body(Full::from(request.to_string())).unwrap();
        call(&layer, create, json_answer(200, Full::from(accepted.to_string())), usize::MAX).await;
        let accepted = results.one();
        assert_eq!((&accepted.usage, accepted.text()), (&None, ""), "{post}");
        let request = accepted.request.as_ref().expect("the request");
        assert_eq!(request.model.as_deref(), Some("sonar-pro"), "{post}");
        let poll = || Request::get(get).body(Full::<Bytes>::default()).unwrap();
        call(&layer, poll(), pending, usize::MAX).await;
        let polled = results.one();
        assert!(polled.fetched && polled.usage.is_none(), "{get}");
        for round in 0..3 {
            let fetched = get_at(&layer, &results, get, answer.clone()).await;
            assert_eq!(fetched.text(), "Constance.", "{get}");
            assert!(fetched.fetched);
            assert_eq!(is_counted(&fetched), round == 0, "{get}");
        }
    }
}

#[tokio::test]
async fn a_call_that_is_accepted_without_a_body_has_completed_without_usage() {
    let results = Results::default();
    let body = json!({"model": "m", "messages": [{"role": "user", "content": QUESTION}]});
    let request = Request::post("/v1/chat/completions").body(Full::from(body.to_string())).unwrap();
    call(&results.layer(), request, json_answer(202, Full::<Bytes>::default()), usize::MAX).await;
    assert_eq!(results.one().usage, None);
}
