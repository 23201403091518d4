//! Promise 11: every run in which text was requested or delivered has usage, and says how each count is known.

use std::{future::pending, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use support::http::{Scripted, Step, data, event_stream, json as json_answer};
use tower::{BoxError, Layer, service_fn};
use tower_llm_callbacks::{
    Abort, Callbacks, ContentCapture, HttpCallbackLayer, LlmResult,
    event::{UsageGap, UsageSource},
    on_llm_result, on_llm_start,
};

#[path = "usage/fetched.rs"]
mod fetched;
#[path = "usage/recordings.rs"]
mod recordings;

/// Collects the results of runs.
#[derive(Clone, Default)]
struct Results(Arc<std::sync::Mutex<Vec<LlmResult>>>);

impl Results {
    fn layer(&self) -> HttpCallbackLayer {
        let results = Arc::clone(&self.0);
        let collect =
            on_llm_result(move |_, result, _| results.lock().unwrap().push(result.clone()));
        HttpCallbackLayer::new(Callbacks::new().inline(collect))
    }

    fn one(&self) -> LlmResult {
        let mut results = self.0.lock().unwrap();
        assert_eq!(results.len(), 1, "{results:?}");
        results.pop().unwrap()
    }
}

const QUESTION: &str =
    "Which towers in France are older than the Eiffel tower, and what were they built for?";

fn openai(path: &str, stream: bool) -> Request<Full<Bytes>> {
    let body = json!({"model": "gpt-4o", "stream": stream, "messages": [{"role": "user", "content": QUESTION}]});
    Request::post(path).body(body.to_string().into()).unwrap()
}

fn chat_chunk(value: &Value) -> String {
    format!("data: {value}\n\n")
}

/// Twenty words, one a chunk, as OpenAI streams them without `include_usage`.
fn chat_stream() -> Vec<String> {
    let words = "The tower of Constance in Aigues-Mortes was built as a keep, a lighthouse and, later on, a prison for heretics";
    let delta = |delta: Value, finish: Value| {
        chat_chunk(
            &json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-4o-2024-08-06",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}),
        )
    };
    let words = words.split_inclusive(' ').map(|word| delta(json!({"content": word}), Value::Null));
    words.chain([delta(json!({}), "stop".into()), "data: [DONE]\n\n".to_owned()]).collect()
}

/// Sends a request to a server with an answer, reads so many frames and drops the rest.
async fn call<B>(
    layer: &HttpCallbackLayer,
    request: Request<Full<Bytes>>,
    answer: Response<B>,
    frames: usize,
) where
    B: Body<Data = Bytes> + Clone + Send + Sync + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let server = service_fn(move |_| {
        let answer = answer.clone();
        async move { Ok::<_, BoxError>(answer) }
    });
    let mut body = layer.layer(server).oneshot(request).await.unwrap().into_body();
    for _ in 0..frames {
        if body.frame().await.is_none() {
            break;
        }
    }
}

#[track_caller]
fn between(count: Option<u64>, low: u64, high: u64) {
    assert!(
        count.is_some_and(|count| (low..=high).contains(&count)),
        "{count:?} is not in {low}..={high}"
    );
}

#[tokio::test]
async fn a_completed_stream_without_a_report_is_estimated() {
    let results = Results::default();
    let answer = event_stream(Scripted::chunks(chat_stream()));
    call(&results.layer(), openai("/v1/chat/completions", true), answer, usize::MAX).await;
    let usage = results.one().usage.expect("it is estimated");
    between(usage.input_tokens, 20, 30);
    between(usage.output_tokens, 20, 30);
    assert_eq!(
        usage.total_tokens,
        Some(usage.input_tokens.unwrap() + usage.output_tokens.unwrap())
    );
    assert_eq!(usage.source.input, Some(UsageSource::Estimated));
    assert_eq!(usage.source.output, Some(UsageSource::Estimated));
    assert_eq!((usage.cache_read_tokens, usage.reasoning_tokens), (None, None));
}

#[tokio::test]
async fn a_report_is_never_replaced() {
    let results = Results::default();
    let mut chunks = chat_stream();
    let report = json!({"choices": [], "usage": {"prompt_tokens": 1000, "completion_tokens": 3, "total_tokens": 1003}});
    chunks.insert(chunks.len() - 1, chat_chunk(&report));
    let answer = event_stream(Scripted::chunks(chunks));
    call(&results.layer(), openai("/v1/chat/completions", true), answer, usize::MAX).await;
    let usage = results.one().usage.unwrap();
    assert_eq!(
        (usage.input_tokens, usage.output_tokens, usage.total_tokens),
        (Some(1000), Some(3), Some(1003))
    );
    assert_eq!(usage.source.input, Some(UsageSource::Reported));
    assert_eq!(usage.source.output, Some(UsageSource::Reported));
}

#[tokio::test]
async fn a_reported_total_is_never_replaced() {
    let results = Results::default();
    let answer = json!({"id": "chatcmpl-1", "object": "chat.completion", "choices": [{"index": 0,
        "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}], "usage": {"total_tokens": 12}});
    let answer = json_answer(200, Full::from(answer.to_string()));
    call(&results.layer(), openai("/v1/chat/completions", false), answer, usize::MAX).await;
    let usage = results.one().usage.unwrap();
    assert_eq!(usage.total_tokens, Some(12));
    let (input, output) = (usage.input_tokens.unwrap(), usage.output_tokens.unwrap());
    assert!(input > 0 && output > 0 && input + output <= 12, "{usage}");
    assert_eq!(usage.source.input, Some(UsageSource::Estimated));
}

/// A server of Ollama loads the model for a request without a prompt, and unloads it for one that is not to be kept.
#[tokio::test]
async fn a_call_that_runs_no_model_has_no_usage() {
    let done = |part: &str, reason: &str| json!({"model": "m", part: "", "done": true, "done_reason": reason});
    for (path, body, answer) in [
        ("/api/generate", json!({"model": "m"}), done("response", "load")),
        ("/api/generate", json!({"model": "m", "keep_alive": 0}), done("response", "unload")),
        ("/api/chat", json!({"model": "m", "messages": []}), done("context", "load")),
        (
            "/api/chat",
            json!({"model": "m", "messages": [], "keep_alive": 0, "stream": false}),
            done("context", "unload"),
        ),
    ] {
        let results = Results::default();
        let layer = results.layer();
        let request = Request::post(path).body(Full::from(body.to_string())).unwrap();
        call(&layer, request, json_answer(200, Full::from(answer.to_string())), usize::MAX).await;
        let result = results.one();
        assert_eq!((&result.usage, result.text()), (&None, ""), "{path} {body}");
    }
}

#[tokio::test]
async fn a_report_of_zeros_is_no_report() {
    let results = Results::default();
    let mut chunks = chat_stream();
    let zeros = json!({"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}});
    chunks.insert(chunks.len() - 1, chat_chunk(&zeros));
    let answer = event_stream(Scripted::chunks(chunks));
    call(&results.layer(), openai("/v1/chat/completions", true), answer, usize::MAX).await;
    let usage = results.one().usage.unwrap();
    between(usage.input_tokens, 20, 30);
    between(usage.output_tokens, 20, 30);
    assert_eq!(usage.source.output, Some(UsageSource::Estimated));
}

#[tokio::test]
async fn a_stream_that_is_dropped_is_charged_for_what_was_delivered() {
    let mut before = 0;
    for frames in [1, 5, 10, 19] {
        let results = Results::default();
        let answer = event_stream(Scripted::chunks(chat_stream()));
        call(&results.layer(), openai("/v1/chat/completions", true), answer, frames).await;
        let usage = results.one().usage.unwrap();
        between(usage.input_tokens, 20, 30);
        let output = usage.output_tokens.expect("text was delivered");
        assert!(output > before, "{output} tokens after {frames} frames");
        before = output;
        assert_eq!(usage.source.output, Some(UsageSource::Estimated));
    }
}

fn anthropic_stream() -> Vec<String> {
    let event =
        |value: Value| format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap());
    let start = event(
        json!({"type": "message_start", "message": {"id": "msg_1", "model": "claude-haiku-4-5",
        "usage": {"input_tokens": 700, "cache_read_input_tokens": 300, "output_tokens": 1}}}),
    );
    let text = |text: &str| {
        event(
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
        )
    };
    let end = event(
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 30}}),
    );
    vec![
        start,
        text("The tower of Constance in Aigues-Mortes was built as a keep, "),
        text("a lighthouse and, later on, a prison for heretics."),
        end,
        event(json!({"type": "message_stop"})),
    ]
}

fn anthropic() -> Request<Full<Bytes>> {
    let body = json!({"model": "claude-haiku-4-5", "max_tokens": 100, "stream": true,
        "messages": [{"role": "user", "content": QUESTION}]});
    Request::post("/v1/messages").body(body.to_string().into()).unwrap()
}

#[tokio::test]
async fn a_partial_report_is_completed_not_replaced() {
    let results = Results::default();
    let answer = event_stream(Scripted::chunks(anthropic_stream()));
    call(&results.layer(), anthropic(), answer, 3).await;
    let usage = results.one().usage.unwrap();
    assert_eq!((usage.input_tokens, usage.cache_read_tokens), (Some(1000), Some(300)));
    assert_eq!(usage.source.input, Some(UsageSource::Reported));
    between(usage.output_tokens, 24, 36);
    assert_eq!(usage.source.output, Some(UsageSource::Estimated));
    assert_eq!(usage.total_tokens, Some(1000 + usage.output_tokens.unwrap()));
}

#[tokio::test]
async fn a_running_report_that_covers_the_content_stays() {
    let results = Results::default();
    let answer = event_stream(Scripted::chunks(anthropic_stream()));
    // Dropped between the report of the end and the end mark, without a finish reason read: by the abort.
    let layer = results.layer();
    call(&layer, anthropic(), answer, 4).await;
    let usage = results.one().usage.unwrap();
    assert_eq!((usage.output_tokens, usage.source.output), (Some(30), Some(UsageSource::Reported)));

    let results = Results::default();
    let chunk = |text: &str, output: u64| {
        chat_chunk(
            &json!({"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}}],
            "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": output, "thoughtsTokenCount": 50}}),
        )
    };
    let chunks = [
        chunk("The tower of Constance", 4),
        chunk(" in Aigues-Mortes", 10),
        chunk(" was a keep.", 14),
    ];
    let answer = event_stream(Scripted::chunks(chunks));
    let body = json!({"contents": [{"role": "user", "parts": [{"text": QUESTION}]}]});
    let request = Request::post("/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse");
    call(&results.layer(), request.body(body.to_string().into()).unwrap(), answer, 2).await;
    let usage = results.one().usage.unwrap();
    assert_eq!(
        (usage.input_tokens, usage.output_tokens, usage.reasoning_tokens),
        (Some(9), Some(60), Some(50))
    );
    assert_eq!(usage.source.output, Some(UsageSource::ReportedSoFar));
}

/// The total is never less than its parts, of which one may be an estimate.
#[tokio::test]
async fn a_total_covers_its_parts() {
    for (reported, input, output, source) in [
        ((10, 0, 10), 10..=10, 20..=30, UsageSource::Estimated),
        ((0, 0, 0), 20..=30, 20..=30, UsageSource::Estimated),
        // More than both: the reasoning is hidden.
        ((9, 3, 105), 9..=9, 3..=3, UsageSource::AtLeast),
    ] {
        let results = Results::default();
        let mut chunks = chat_stream();
        let (prompt, completion, total) = reported;
        let report = json!({"choices": [], "usage": {"prompt_tokens": prompt,
            "completion_tokens": completion, "total_tokens": total}});
        chunks.insert(chunks.len() - 1, chat_chunk(&report));
        let answer = event_stream(Scripted::chunks(chunks));
        call(&results.layer(), openai("/v1/chat/completions", true), answer, usize::MAX).await;
        let usage = results.one().usage.unwrap();
        let (found_input, found_output) =
            (usage.input_tokens.unwrap(), usage.output_tokens.unwrap());
        assert!(input.contains(&found_input) && output.contains(&found_output), "{usage:?}");
        assert_eq!(usage.source.output, Some(source), "{usage:?}");
        assert_eq!(usage.total_tokens, Some(total.max(found_input + found_output)));
    }
}

#[tokio::test]
async fn calls_that_used_nothing_have_no_usage() {
    for answer in [
        json_answer(429, Full::from(r#"{"error":{"message":"slow down","type":"requests"}}"#)),
        json_answer(400, Full::from(r#"{"error":{"message":"no such model"}}"#)),
        json_answer(200, Full::from(r#"{"error":{"message":"overloaded"}}"#)),
    ] {
        let results = Results::default();
        call(&results.layer(), openai("/v1/chat/completions", true), answer, usize::MAX).await;
        assert_eq!(results.one().usage, None);
    }
    let results = Results::default();
    let refused = service_fn(|_| async {
        Err::<Response<Full<Bytes>>, BoxError>(
            std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into(),
        )
    });
    let call = results.layer().layer(refused).oneshot(openai("/v1/chat/completions", true)).await;
    assert!(call.is_err());
    assert_eq!(results.one().usage, None);

    // Aborted before the inner call.
    let results = Results::default();
    let guard = Callbacks::new().inline(on_llm_start(|run, _| {
        run.abort(Abort::new("no"));
    }));
    let layer = results.layer().callbacks(&guard);
    let answer = event_stream(Scripted::chunks(chat_stream()));
    self::call(&layer, openai("/v1/chat/completions", true), answer, usize::MAX).await;
    assert_eq!(results.one().usage, None);
}

#[tokio::test]
async fn a_call_that_is_dropped_before_its_answer_is_charged_for_its_request() {
    let results = Results::default();
    let server = service_fn(|_| pending::<Result<Response<Full<Bytes>>, BoxError>>());
    let call = results.layer().layer(server).oneshot(openai("/v1/chat/completions", true));
    drop(tokio::time::timeout(std::time::Duration::ZERO, call).await);
    let usage = results.one().usage.unwrap();
    between(usage.input_tokens, 20, 30);
    assert_eq!((usage.output_tokens, usage.source.output), (None, None));
}

#[tokio::test]
async fn counts_do_not_depend_on_how_much_content_is_captured() {
    let mut all = vec![];
    for content in [ContentCapture::Full, ContentCapture::Limited(7), ContentCapture::Off] {
        for frames in [5, usize::MAX] {
            let results = Results::default();
            let layer = results.layer().content(content);
            let answer = event_stream(Scripted::chunks(chat_stream()));
            call(&layer, openai("/v1/chat/completions", true), answer, frames).await;
            all.push(results.one().usage.unwrap());
        }
    }
    assert_eq!((&all[0], &all[1]), (&all[2], &all[3]));
    assert_eq!((&all[0], &all[1]), (&all[4], &all[5]));
}

#[tokio::test]
async fn without_estimates_unknown_counts_stay_unknown() {
    let results = Results::default();
    let layer = results.layer().without_estimates();
    let answer = event_stream(Scripted::chunks(chat_stream()));
    call(&layer, openai("/v1/chat/completions", true), answer, usize::MAX).await;
    assert_eq!(results.one().usage, None);
}

#[tokio::test]
async fn what_cannot_be_estimated_is_a_lower_bound_with_its_reason() {
    let results = Results::default();
    let body = json!({"model": "gpt-4o", "stream": true, "messages": [{"role": "user", "content": [
        {"type": "text", "text": QUESTION},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB"}},
    ]}]});
    let request = Request::post("/v1/chat/completions").body(body.to_string().into()).unwrap();
    call(&results.layer(), request, event_stream(Scripted::chunks(chat_stream())), 3).await;
    let usage = results.one().usage.unwrap();
    between(usage.input_tokens, 20, 30);
    assert_eq!(usage.source.input, Some(UsageSource::AtLeast));
    assert_eq!(usage.source.input_gap, Some(UsageGap::Media));

    let results = Results::default();
    let request = json!({"model": "o4-mini", "stream": true, "messages": [{"role": "user", "content": QUESTION}]});
    let request = Request::post("/v1/chat/completions").body(request.to_string().into()).unwrap();
    let chunks =
        chat_stream().into_iter().map(|chunk| chunk.replace("gpt-4o-2024-08-06", "o4-mini"));
    call(&results.layer(), request, event_stream(Scripted::chunks(chunks)), 3).await;
    let usage = results.one().usage.unwrap();
    assert_eq!(usage.source.output, Some(UsageSource::AtLeast));
    assert_eq!(usage.source.output_gap, Some(UsageGap::HiddenReasoning));
}

#[tokio::test]
async fn a_broken_stream_is_charged_like_a_dropped_one() {
    let results = Results::default();
    let steps = chat_stream().into_iter().take(6).map(data).chain([Step::Fail]);
    let answer = event_stream(Scripted::new(steps));
    call(&results.layer(), openai("/v1/chat/completions", true), answer, usize::MAX).await;
    let usage = results.one().usage.unwrap();
    between(usage.input_tokens, 20, 30);
    between(usage.output_tokens, 4, 12);
}
