//! What the parts of calls cost: those that the normalised usage has, and those that providers say beside it.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use tower::{BoxError, Layer, Service, service_fn};
use tower_llm_callbacks::{
    Callbacks, HttpCallbackLayer,
    event::LlmResult,
    handlers::{PriceTable, Prices},
    http_layer::RequestBody,
    on_event,
};

const CHAT: &str = "https://api.openai.com/v1/chat/completions";
const CLAUDE: &str = "https://api.anthropic.com/v1/chat/completions";
const RESPONSES: &str = "https://api.openai.com/v1/responses";
const SONAR: &str = "https://api.perplexity.ai/chat/completions";
const ROUTER: &str = "https://openrouter.ai/api/v1/chat/completions";
const GEMINI: &str = "https://generativelanguage.googleapis.com/v1beta/models";
const VERTEX: &str = "https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/europe-west1/publishers/google/models";

/// Makes a call and returns its result. An array is a stream of its events.
async fn result(
    prices: impl Into<Prices>,
    url: &str,
    request: &Value,
    answer: &Value,
) -> LlmResult {
    let results = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&results);
    let note =
        on_event(move |_, event| seen.lock().unwrap().extend(event.data().result().cloned()));
    let events = answer.as_array();
    let content_type = if events.is_some() { "text/event-stream" } else { "application/json" };
    let text = match events {
        Some(events) => events.iter().map(|event| format!("data: {event}\n\n")).collect(),
        None => answer.to_string(),
    };
    let upstream = service_fn(move |_: Request<RequestBody<Full<Bytes>>>| {
        let response = http::Response::builder().header("content-type", content_type);
        let response = response.body(Full::<Bytes>::from(text.clone())).unwrap();
        async { Ok::<_, BoxError>(response) }
    });
    let layer = HttpCallbackLayer::new(Callbacks::new().inline(note)).prices(prices.into());
    let body = Full::<Bytes>::from(request.to_string());
    let call = Request::post(url).header("content-type", "application/json").body(body);
    let response = layer.layer(upstream).call(call.unwrap()).await.unwrap();
    support::http::read(response.into_body()).await;
    let result = results.lock().unwrap().pop();
    result.unwrap_or_else(|| panic!("no result of {url}"))
}

/// Checks what a call costs, and whether that is an estimate.
async fn costs(url: &str, request: Value, answer: Value, expected: (&str, bool)) -> LlmResult {
    let result = result(Prices::bundled(), url, &request, &answer).await;
    let cost = result.cost.as_ref().unwrap_or_else(|| panic!("{answer}: {result:?}"));
    let found = (&*cost.amount.to_string(), cost.estimated);
    assert_eq!(found, expected, "{answer}: {:?}", result.usage);
    result
}

fn chat(model: &str, usage: &Value) -> (Value, Value) {
    let message = json!({"role": "assistant", "content": "Hello"});
    let answer = json!({
        "id": "1", "object": "chat.completion", "model": model, "usage": usage,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]
    });
    (json!({"model": model, "messages": [{"role": "user", "content": "Hi"}]}), answer)
}

async fn chat_costs(url: &str, model: &str, usage: Value, expected: (&str, bool)) -> LlmResult {
    let (request, answer) = chat(model, &usage);
    costs(url, request, answer, expected).await
}

fn generated(usage: &Value) -> Value {
    let content = json!({"role": "model", "parts": [{"text": "Hello"}]});
    json!({"candidates": [{"content": content, "finishReason": "STOP"}], "usageMetadata": usage})
}

#[tokio::test]
async fn cached_tokens_count_however_they_are_named() {
    let sonnet = "claude-sonnet-4-5";
    let read = json!({
        "prompt_tokens": 2_459, "completion_tokens": 23, "total_tokens": 2_482,
        "prompt_tokens_details": {"cached_tokens": 0}, "cache_read_input_tokens": 2_455
    });
    chat_costs(CLAUDE, sonnet, read, ("0.0010935", false)).await;
    let written = json!({
        "prompt_tokens": 10_000, "completion_tokens": 100,
        "prompt_tokens_details": {"cache_write_tokens": 9_000}
    });
    chat_costs(CLAUDE, sonnet, written, ("0.03825", false)).await;
    // LiteLLM's lifetimes.
    let hours = json!({
        "prompt_tokens": 10_000, "completion_tokens": 100, "prompt_tokens_details": {
            "cache_creation_tokens": 9_000,
            "cache_creation_token_details": {"ephemeral_1h_input_tokens": 9_000}
        }
    });
    let result = chat_costs(CLAUDE, sonnet, hours, ("0.0585", false)).await;
    assert_eq!(result.usage.unwrap().cache_writes["1h"], 9_000);
    let searched = json!({
        "prompt_tokens": 100, "completion_tokens": 10,
        "server_tool_use": {"web_search_requests": 2}
    });
    chat_costs(CLAUDE, sonnet, searched, ("0.02045", false)).await;
}

#[tokio::test]
async fn media_have_their_own_prices() {
    let edits = "https://api.openai.com/v1/images/edits";
    let usage = json!({
        "input_tokens": 1_050, "input_tokens_details": {"text_tokens": 50, "image_tokens": 1_000},
        "output_tokens": 4_160, "total_tokens": 5_210
    });
    let mut answer = json!({"created": 1, "data": [{"b64_json": "AAAA"}], "usage": usage});
    let request = json!({"model": "gpt-image-1.5", "prompt": "A cat"});
    // All of the output is pictures, unless the answer says otherwise.
    let result = costs(edits, request.clone(), answer.clone(), ("0.14137", false)).await;
    assert_eq!(json!(result.usage.unwrap())["details"]["output_image_tokens"], 4_160);
    answer["usage"]["output_tokens_details"] = json!({"image_tokens": 4_060, "text_tokens": 100});
    costs(edits, request, answer, ("0.13917", false)).await;

    let speech = "https://api.openai.com/v1/audio/transcriptions";
    let request = json!({"model": "gpt-4o-transcribe"});
    let usage = json!({
        "type": "tokens", "input_tokens": 1_000, "output_tokens": 100, "total_tokens": 1_100,
        "input_token_details": {"audio_tokens": 1_000, "text_tokens": 0}
    });
    let whole = json!({"text": "Hello", "usage": usage});
    costs(speech, request.clone(), whole, ("0.007", false)).await;
    let done = json!({"type": "transcript.text.done", "text": "Hello", "usage": usage});
    costs(speech, request, json!([done]), ("0.007", false)).await;

    let interactions = "https://generativelanguage.googleapis.com/v1beta/interactions";
    let answer = json!({
        "object": "interaction", "id": "1", "model": "gemini-3-pro-image-preview",
        "status": "completed", "outputs": [{"type": "text", "text": "Look"}],
        "usage": {
            "total_input_tokens": 10, "total_output_tokens": 1_120, "total_tokens": 1_130,
            "output_tokens_by_modality": [{"modality": "image", "tokens": 1_120}]
        }
    });
    let request = json!({"model": "gemini-3-pro-image-preview", "input": "A cat"});
    costs(interactions, request, answer, ("0.13442", false)).await;

    // Some of the cached tokens are sound: there is not so much text.
    let url = format!("{GEMINI}/gemini-2.5-flash:generateContent");
    let usage = json!({
        "promptTokenCount": 1_000, "cachedContentTokenCount": 600, "totalTokenCount": 1_100,
        "candidatesTokenCount": 100, "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 500}, {"modality": 4, "tokenCount": 500}
        ]
    });
    // 500 of text and 100 of sound were cached, 400 of sound not.
    costs(&url, json!({"contents": []}), generated(&usage), ("0.000675", false)).await;
}

#[tokio::test]
async fn what_perplexity_counts_beside_the_output_is_charged() {
    let usage = json!({
        "prompt_tokens": 108, "completion_tokens": 3_256, "total_tokens": 3_364,
        "citation_tokens": 7_299, "num_search_queries": 74, "reasoning_tokens": 73_248
    });
    chat_costs(SONAR, "sonar-deep-research", usage, ("0.630606", false)).await;
    let usage = json!({
        "prompt_tokens": 100, "completion_tokens": 1_000, "total_tokens": 1_100,
        "citation_tokens": 500, "num_search_queries": 2, "reasoning_tokens": 1_000
    });
    let result = chat_costs(SONAR, "sonar-deep-research", usage, ("0.0222", false)).await;
    assert_eq!(result.usage.unwrap().output_tokens, Some(2_000));
}

#[tokio::test]
async fn details_of_an_earlier_report_count() {
    let url = format!("{GEMINI}/gemini-2.5-flash:streamGenerateContent?alt=sse");
    let first = json!({
        "candidates": [{"content": {"role": "model", "parts": [{"text": "Hel"}]}}],
        "usageMetadata": {
            "promptTokenCount": 20_000, "cachedContentTokenCount": 19_000, "totalTokenCount": 20_000
        }
    });
    let usage = json!({
        "promptTokenCount": 20_000, "candidatesTokenCount": 100, "totalTokenCount": 20_100
    });
    let events = json!([first, generated(&usage)]);
    costs(&url, json!({"contents": []}), events, ("0.00112", false)).await;

    let chunk = |delta: Value, reason: Value, usage: Value| {
        json!({"id": "1", "object": "chat.completion.chunk", "model": "gpt-4o", "usage": usage,
            "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
    };
    let first = json!({"prompt_tokens": 1_000, "completion_tokens": 1,
        "prompt_tokens_details": {"cached_tokens": 800}});
    let last = json!({"prompt_tokens": 1_000, "completion_tokens": 100});
    let events = json!([
        chunk(json!({"role": "assistant", "content": "Hello"}), Value::Null, first),
        chunk(json!({}), "stop".into(), last)
    ]);
    let request = json!({"model": "gpt-4o", "stream": true, "messages": []});
    costs(CHAT, request, events, ("0.0025", false)).await;
}

/// A part without a rate of its own costs as the others do, and not exactly.
#[tokio::test]
async fn a_part_without_a_price_is_not_exact() {
    let pictures = json!({
        "prompt_tokens": 10, "completion_tokens": 1_290, "total_tokens": 1_300,
        "completion_tokens_details": {"image_tokens": 1_290}
    });
    let model = "google/gemini-2.5-flash-image";
    chat_costs(ROUTER, model, pictures, ("0.003228", true)).await;
    let sound = json!({
        "prompt_tokens": 1_000, "completion_tokens": 1_000,
        "prompt_tokens_details": {"audio_tokens": 900},
        "completion_tokens_details": {"audio_tokens": 900}
    });
    chat_costs(CHAT, "gpt-4o-audio-preview", sound, ("0.0125", true)).await;
    // A model that only speaks.
    let url = format!("{GEMINI}/gemini-2.5-flash-tts:generateContent");
    let spoken = json!({
        "promptTokenCount": 10, "candidatesTokenCount": 100, "totalTokenCount": 110,
        "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 100}]
    });
    costs(&url, json!({"contents": []}), generated(&spoken), ("0.001005", false)).await;
    // What it sees costs as what it reads.
    let seen = json!({
        "prompt_tokens": 1_000, "completion_tokens": 1_000,
        "prompt_tokens_details": {"image_tokens": 900}
    });
    chat_costs(CHAT, "gpt-4o", seen.clone(), ("0.0125", false)).await;

    let own: PriceTable =
        r#"{"currency": "USD", "models": {"gpt-4o": {"input": 1, "output": 1}}}"#.parse().unwrap();
    // What is all sound has the price of the output.
    let sounds = |tokens: u64| {
        json!({"prompt_tokens": 9, "completion_tokens": 9,
            "completion_tokens_details": {"audio_tokens": tokens}})
    };
    for (usage, estimated) in [
        (seen, false),
        (json!({"prompt_tokens": 9, "completion_tokens": 9, "num_sources_used": 1}), true),
        (sounds(8), true),
        (sounds(9), false),
    ] {
        let (request, answer) = chat("gpt-4o", &usage);
        let cost = result(own.clone(), CHAT, &request, &answer).await.cost.unwrap();
        assert_eq!(cost.estimated, estimated, "{answer}");
    }
}

#[tokio::test]
async fn tools_that_run_at_the_provider_are_charged() {
    let request = json!({"model": "gpt-5", "input": "Hi"});
    let search = |id: &str, action: &str| {
        json!({"type": "web_search_call", "id": id, "status": "completed",
            "action": {"type": action, "query": "q"}})
    };
    let message = json!({"type": "message", "id": "m", "role": "assistant",
        "content": [{"type": "output_text", "text": "Hello"}]});
    let response = |output: Value, tool_usage: Value| {
        json!({
            "id": "r", "object": "response", "status": "completed", "model": "gpt-5",
            "output": output, "tool_usage": tool_usage,
            "usage": {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}
        })
    };
    let items = json!([search("w1", "search"), search("w2", "open_page"), message]);
    let plain = response(json!([message]), Value::Null);
    costs(RESPONSES, request.clone(), plain, ("0.000325", false)).await;
    // The provider's number counts, not the items.
    let said = response(items.clone(), json!({"web_search": {"num_requests": 3}}));
    let result = costs(RESPONSES, request.clone(), said, ("0.030325", false)).await;
    assert_eq!(json!(result.usage.unwrap())["details"], json!({"web_searches": 3}));
    let unsaid = response(items.clone(), Value::Null);
    costs(RESPONSES, request.clone(), unsaid.clone(), ("0.010325", false)).await;
    let events = json!([
        {"type": "response.output_item.done", "output_index": 0, "item": items[0]},
        {"type": "response.output_item.done", "output_index": 1, "item": items[1]},
        {"type": "response.output_item.done", "output_index": 2, "item": items[2]},
        {"type": "response.completed", "response": unsaid}
    ]);
    costs(RESPONSES, request.clone(), events.clone(), ("0.010325", false)).await;
    let mut short = events;
    short[3]["response"]["output"] = json!([]);
    costs(RESPONSES, request.clone(), short, ("0.010325", false)).await;
    let files = json!([{"type": "file_search_call", "id": "f", "queries": ["q"]}, message]);
    let files = response(files, Value::Null);
    costs(RESPONSES, request.clone(), files, ("0.002825", false)).await;
    // Pictures and containers cost something, and the prices do not say what.
    let drawn = json!({"image_gen": {"input_tokens": 500, "output_tokens": 4_000}});
    let drawn = response(json!([message]), drawn);
    costs(RESPONSES, request.clone(), drawn, ("0.000325", true)).await;
    let ran = json!([{"type": "code_interpreter_call", "id": "c"}, message]);
    costs(RESPONSES, request, response(ran, Value::Null), ("0.000325", true)).await;
}

#[tokio::test]
async fn searches_of_gemini_are_charged() {
    let usage =
        json!({"promptTokenCount": 100, "candidatesTokenCount": 10, "totalTokenCount": 110});
    let mut answer = generated(&usage);
    answer["candidates"][0]["groundingMetadata"] =
        json!({"webSearchQueries": ["a", "b", "a", "c"], "groundingChunks": []});
    let request = || json!({"contents": [{"parts": [{"text": "Hi"}]}]});
    let new = format!("{GEMINI}/gemini-3.1-pro-preview:generateContent");
    costs(&new, request(), answer.clone(), ("0.04232", false)).await;
    // Each search, and before version 3 each prompt that was searched for.
    let old = format!("{GEMINI}/gemini-2.5-flash:generateContent");
    costs(&old, request(), answer.clone(), ("0.035055", false)).await;
    // The searches come before the last report of usage.
    let last = generated(&answer["usageMetadata"]);
    let stream = format!("{GEMINI}/gemini-3.1-pro-preview:streamGenerateContent?alt=sse");
    costs(&stream, request(), json!([answer, last]), ("0.04232", false)).await;

    let interactions = "https://generativelanguage.googleapis.com/v1beta/interactions";
    let answer = json!({
        "object": "interaction", "id": "1", "model": "gemini-3.1-pro-preview",
        "status": "completed", "outputs": [{"type": "text", "text": "Hello"}],
        "usage": {
            "total_input_tokens": 100, "total_output_tokens": 10, "total_tokens": 110,
            "grounding_tool_count": [{"type": "google_search", "count": 3}]
        }
    });
    let request = json!({"model": "gemini-3.1-pro-preview", "input": "Hi"});
    costs(interactions, request, answer, ("0.04232", false)).await;
}

#[tokio::test]
async fn a_tier_without_prices_is_not_exact() {
    let usage = |name: &str, tier: &str| json!({"promptTokenCount": 100, "candidatesTokenCount": 10, "totalTokenCount": 110, name: tier});
    let gemini = format!("{GEMINI}/gemini-2.5-flash:generateContent");
    let vertex = format!("{VERTEX}/gemini-2.5-flash:generateContent");
    for (url, name, sent, tier, estimated) in [
        (&gemini, "serviceTier", "standard", Some("standard"), false),
        (&gemini, "serviceTier", "flex", Some("flex"), true),
        (&vertex, "trafficType", "ON_DEMAND", None, false),
        (&vertex, "trafficType", "ON_DEMAND_FLEX", Some("flex"), true),
        (&vertex, "trafficType", "PROVISIONED_THROUGHPUT", Some("provisioned_throughput"), true),
    ] {
        let answer = generated(&usage(name, sent));
        let request = json!({"contents": [{"parts": [{"text": "Hi"}]}]});
        let result = costs(url, request, answer, ("0.000055", estimated)).await;
        assert_eq!(result.usage.unwrap().service_tier.as_deref(), tier);
    }

    let own: PriceTable = r#"{"currency": "USD", "models": {"gpt-*": {"input": 1, "output": 1,
        "above": {"10": {"service_tier": {"flex": {"input": 0.5}}}}}}}"#
        .parse()
        .unwrap();
    for (tier, estimated) in [("default", false), ("flex", false), ("priority", true)] {
        let (request, mut answer) =
            chat("gpt-5", &json!({"prompt_tokens": 9, "completion_tokens": 9}));
        answer["service_tier"] = tier.into();
        let cost = result(own.clone(), CHAT, &request, &answer).await.cost.unwrap();
        assert_eq!(cost.estimated, estimated, "{tier}");
    }
}
