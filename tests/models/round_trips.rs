//! What an answer consists of survives the way into the next request: a tool loop with reasoning, against a provider that
//! refuses what the real ones refuse.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_llm_callbacks::{
    LlmResult,
    chat::{ChatRequest, ChatStream, ContentPart, Message, ModelError, Tool},
    event::Block,
    model::{
        anthropic::{AnthropicConfig, AnthropicLayer},
        openai::{OpenAiApi, OpenAiConfig, OpenAiLayer},
    },
};

type Sent = Arc<Mutex<Vec<Value>>>;

/// The simulated provider, and the bodies of its requests.
fn provider() -> (
    impl Service<Request<Full<Bytes>>, Response = Response<Body>, Error = Infallible, Future: Send>
    + Clone
    + Send,
    Sent,
) {
    let sent = Sent::default();
    let kept = Arc::clone(&sent);
    let provider = simulated::provider(Duration::ZERO);
    let http = service_fn(move |request: Request<Full<Bytes>>| {
        let (provider, kept) = (provider.clone(), Arc::clone(&kept));
        async move {
            let (parts, body) = request.into_parts();
            let bytes = body.collect().await?.to_bytes();
            kept.lock().unwrap().push(serde_json::from_slice(&bytes).unwrap());
            provider.oneshot(Request::from_parts(parts, Full::new(bytes))).await
        }
    });
    (http, sent)
}

fn request(model: &str, stream: bool) -> ChatRequest {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let tool = Tool::new("get_weather", schema);
    ChatRequest::new(model).max_tokens(200).stream(stream).user("Weather in Paris?").tool(tool)
}

/// Answers the tool calls of a first answer. `change` changes the message that repeats it.
async fn tool_loop<M>(
    model: &mut M,
    mut request: ChatRequest,
    change: impl Fn(Message) -> Message,
) -> Result<(LlmResult, LlmResult), ModelError>
where
    M: Service<ChatRequest, Response = ChatStream, Error = ModelError>,
{
    let first = model.ready().await?.call(request.clone()).await?.collect_result().await?;
    let results = first.choices[0].tool_calls.iter();
    let results: Vec<_> = results.map(|call| Message::tool_result(&call.id, "18°")).collect();
    assert_eq!(results.len(), 1, "{first:?}");
    request = request.message(change(Message::from(&first))).messages(results);
    let second = model.ready().await?.call(request).await?.collect_result().await?;
    Ok((first, second))
}

fn without(is: impl Fn(&ContentPart) -> bool) -> impl Fn(Message) -> Message {
    move |mut message| {
        message.content.retain(|part| !is(part));
        message
    }
}

fn refusal(error: &ModelError) -> String {
    error.provider().map(|error| error.message.to_string()).unwrap_or_default()
}

fn thinking(stream: bool) -> ChatRequest {
    let thinking = json!({"type": "enabled", "budget_tokens": 1024});
    request("claude-test", stream).param("thinking", thinking)
}

#[tokio::test]
async fn anthropic_gets_its_thinking_back() {
    for stream in [true, false] {
        let (http, sent) = provider();
        let mut model = AnthropicLayer::new(AnthropicConfig::new("key")).layer(http);
        let (first, _) = tool_loop(&mut model, thinking(stream), |message| message).await.unwrap();
        let blocks: Vec<_> = first.choices[0].blocks().collect();
        let [
            Block::Reasoning { signature: Some(_), .. },
            hidden,
            Block::Text(_),
            Block::ToolCall(_),
        ] = blocks[..]
        else {
            panic!("{blocks:?}");
        };
        assert!(matches!(hidden, Block::Native { api: "messages", covers: 0, .. }), "{hidden:?}");
        let sent = sent.lock().unwrap();
        let kinds = sent[1]["messages"][1]["content"].as_array().unwrap();
        let kinds: Vec<_> = kinds.iter().map(|block| block["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["thinking", "redacted_thinking", "text", "tool_use"]);
    }
}

#[tokio::test]
async fn anthropic_refuses_what_was_lost() {
    let (http, _) = provider();
    let mut model = AnthropicLayer::new(AnthropicConfig::new("key")).layer(http);
    let without_all =
        without(|part| matches!(part, ContentPart::Reasoning { .. } | ContentPart::Native { .. }));
    let error = tool_loop(&mut model, thinking(true), without_all).await.unwrap_err();
    assert!(refusal(&error).contains("Expected `thinking`"), "{error:?}");
    let changed = |mut message: Message| {
        if let ContentPart::Reasoning { text, .. } = &mut message.content[0] {
            text.push('!');
        }
        message
    };
    let error = tool_loop(&mut model, thinking(true), changed).await.unwrap_err();
    assert!(refusal(&error).contains("Invalid `signature`"), "{error:?}");
    let without_calls = without(|part| matches!(part, ContentPart::ToolCall { .. }));
    let error = tool_loop(&mut model, thinking(true), without_calls).await.unwrap_err();
    assert!(refusal(&error).contains("unexpected `tool_use_id`"), "{error:?}");
}

#[tokio::test]
async fn responses_get_their_items_back() {
    for (stream, store) in [(true, true), (true, false), (false, true), (false, false)] {
        let (http, sent) = provider();
        let config = OpenAiConfig::new("key").api(OpenAiApi::Responses);
        let mut model = OpenAiLayer::new(config).layer(http);
        let request = request("gpt-test", stream)
            .param("reasoning", json!({"effort": "low"}))
            .param("include", json!(["reasoning.encrypted_content"]))
            .param("store", store);
        let (first, _) = tool_loop(&mut model, request, |message| message).await.unwrap();
        assert_eq!(first.choices[0].reasoning, "The user asks. I answer.");
        let sent = sent.lock().unwrap();
        let input = sent[1]["input"].as_array().unwrap();
        let kinds: Vec<_> = input.iter().map(|item| item["type"].as_str().unwrap()).collect();
        let expected = ["message", "reasoning", "message", "function_call", "function_call_output"];
        assert_eq!(kinds, expected);
        // An id refers to what the provider has stored.
        assert_eq!(input[1]["id"].is_string(), store);
        assert_eq!(input[3]["id"].is_string(), store);
        assert_eq!(input[2]["content"][0]["text"], first.text());
    }
}

#[tokio::test]
async fn responses_refuse_what_was_lost() {
    let (http, _) = provider();
    let config = OpenAiConfig::new("key").api(OpenAiApi::Responses);
    let mut model = OpenAiLayer::new(config).layer(http);
    let is = |part: &ContentPart, kind: &str| matches!(part, ContentPart::Native { value, .. } if value["type"] == kind);
    let request = request("gpt-test", true).param("reasoning", json!({"effort": "low"}));
    let lost = without(|part| is(part, "reasoning"));
    let error = tool_loop(&mut model, request.clone(), lost).await.unwrap_err();
    assert!(refusal(&error).contains("without its required 'reasoning' item"), "{error:?}");
    // The portable form of a call has no id that reasoning belongs to.
    let portable = without(|part| matches!(part, ContentPart::Native { .. }));
    tool_loop(&mut model, request, portable).await.unwrap();
}

#[tokio::test]
async fn a_chat_dialect_gets_its_reasoning_back() {
    for stream in [true, false] {
        let (http, sent) = provider();
        let config = OpenAiConfig::new("key").base_url("https://api.deepseek.com/v1");
        let mut model = OpenAiLayer::new(config).layer(http);
        tool_loop(&mut model, request("reasoner", stream), |message| message).await.unwrap();
        let message = sent.lock().unwrap()[1]["messages"][1].clone();
        assert_eq!(message["reasoning_content"], "The user asks. I answer.");
        let lost = without(|part| matches!(part, ContentPart::Native { .. }));
        let error = tool_loop(&mut model, request("reasoner", stream), lost).await.unwrap_err();
        assert!(refusal(&error).contains("Missing `reasoning_content`"), "{error:?}");
    }
    // OpenAI itself knows no such member.
    let (http, sent) = provider();
    let mut model = OpenAiLayer::new(OpenAiConfig::new("key")).layer(http);
    let _ = tool_loop(&mut model, request("reasoner", true), |message| message).await;
    assert_eq!(sent.lock().unwrap()[1]["messages"][1]["reasoning_content"], Value::Null);
}

/// Returns what the model repeats of an answer that the service gives.
async fn repeated(body: String, config: impl Fn(Http) -> Boxed) -> Value {
    let sent = Sent::default();
    let kept = Arc::clone(&sent);
    let http = service_fn(move |request: Request<Full<Bytes>>| {
        let (kept, body) = (Arc::clone(&kept), body.clone());
        Box::pin(async move {
            let bytes = request.into_body().collect().await?.to_bytes();
            kept.lock().unwrap().push(serde_json::from_slice(&bytes).unwrap());
            Ok::<_, BoxError>(Response::new(Full::new(Bytes::from(body))))
        }) as HttpFuture
    });
    let mut model = config(tower::util::BoxCloneService::new(http));
    let request = ChatRequest::new("any").user("Hi");
    let answer = model.ready().await.unwrap().call(request.clone()).await.unwrap();
    let answer = answer.collect_result().await.unwrap();
    // The form of records has no such parts, and texts are as they were.
    let json = serde_json::to_string(&answer).unwrap();
    let read: LlmResult = serde_json::from_str(&json).unwrap();
    assert_eq!(read.choices, answer.choices);
    let request = request.message(Message::from(&answer)).user("Go on.");
    drop(model.ready().await.unwrap().call(request).await.unwrap());
    sent.lock().unwrap().pop().unwrap()
}

type HttpFuture =
    std::pin::Pin<Box<dyn Future<Output = Result<Response<Full<Bytes>>, BoxError>> + Send>>;
type Http = tower::util::BoxCloneService<Request<Full<Bytes>>, Response<Full<Bytes>>, BoxError>;
type Boxed = tower::util::BoxCloneService<ChatRequest, ChatStream, ModelError>;

fn anthropic(http: Http) -> Boxed {
    tower::util::BoxCloneService::new(AnthropicLayer::new(AnthropicConfig::new("key")).layer(http))
}

fn chat(http: Http) -> Boxed {
    let config = OpenAiConfig::without_key("http://localhost/v1");
    tower::util::BoxCloneService::new(OpenAiLayer::new(config).layer(http))
}

#[tokio::test]
async fn citations_and_what_ran_at_the_provider_are_repeated_as_they_were() {
    let cited = json!({"type": "text", "text": "Paris is sunny.", "citations": [
        {"type": "web_search_result_location", "url": "https://a", "encrypted_index": "e1"}]});
    let blocks = json!([
        {"type": "thinking", "thinking": "One.", "signature": "s1"},
        {"type": "thinking", "thinking": "Two.", "signature": "s2"},
        {"type": "text", "text": "I search. "},
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [
            {"type": "web_search_result", "url": "https://a", "encrypted_content": "e"}]},
        {"type": "text", "text": "So: "},
        cited,
        {"type": "text", "text": " Bye."},
    ]);
    let whole = json!({"type": "message", "id": "msg_1", "model": "m", "content": blocks,
        "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 1}});
    let body = repeated(whole.to_string(), anthropic).await;
    assert_eq!(body["messages"][1]["content"], blocks);

    let mut events = vec![json!({"type": "message_start", "message": {"id": "msg_1"}})];
    for (index, block) in blocks.as_array().unwrap().iter().enumerate() {
        let mut start = block.clone();
        let mut deltas = Vec::new();
        match block["type"].as_str().unwrap() {
            "thinking" => {
                (start["thinking"], start["signature"]) = ("".into(), "".into());
                deltas.push(json!({"type": "thinking_delta", "thinking": block["thinking"]}));
                deltas.push(json!({"type": "signature_delta", "signature": block["signature"]}));
            }
            "text" => {
                start["text"] = "".into();
                for text in block["text"].as_str().unwrap().split_inclusive(' ') {
                    deltas.push(json!({"type": "text_delta", "text": text}));
                }
                if let Some(citations) = block["citations"].as_array() {
                    start["citations"] = json!([]);
                    let delta = json!({"type": "citations_delta", "citation": citations[0]});
                    deltas.push(delta);
                }
            }
            "server_tool_use" => {
                start["input"] = json!({});
                for piece in [r#"{"query":"#, r#""x"}"#] {
                    deltas.push(json!({"type": "input_json_delta", "partial_json": piece}));
                }
            }
            _ => {}
        }
        events.push(json!({"type": "content_block_start", "index": index, "content_block": start}));
        let delta = |delta| json!({"type": "content_block_delta", "index": index, "delta": delta});
        events.extend(deltas.into_iter().map(delta));
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    events.push(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}));
    events.push(json!({"type": "message_stop"}));
    let stream: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    let body = repeated(stream, anthropic).await;
    assert_eq!(body["messages"][1]["content"], blocks);
}

#[tokio::test]
async fn details_and_parts_of_reasoning_are_repeated_as_they_were() {
    let details = json!([
        {"type": "reasoning.text", "text": "One two.", "index": 0, "signature": "s", "format": "f"},
        {"type": "reasoning.encrypted", "data": "abc", "index": 1, "id": "rs_1"},
    ]);
    let chunk =
        |delta: Value| format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta}]}));
    let stream = [
        chunk(json!({"reasoning": "One ", "reasoning_details": [
            {"type": "reasoning.text", "text": "One ", "index": 0, "format": "f"}]})),
        chunk(json!({"reasoning": "two.", "reasoning_details": [
            {"type": "reasoning.text", "text": "two.", "index": 0, "signature": "s"}]})),
        chunk(json!({"reasoning_details": [details[1]]})),
        chunk(json!({"content": "Hello"})),
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
            .to_owned(),
    ]
    .concat();
    let message = &repeated(stream, chat).await["messages"][1];
    assert_eq!(message["reasoning_details"], details);
    assert_eq!((&message["content"], &message["reasoning"]), (&json!("Hello"), &Value::Null));

    let thinking = json!({"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]});
    let stream = [
        chunk(json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "H"}]}]})),
        chunk(json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "m."}]}]})),
        chunk(json!({"content": "Hello"})),
        "data: [DONE]\n\n".to_owned(),
    ]
    .concat();
    let message = &repeated(stream, chat).await["messages"][1];
    assert_eq!(message["content"], json!([thinking, {"type": "text", "text": "Hello"}]));

    let call = json!({"id": "call_1", "type": "function",
        "function": {"name": "f", "arguments": "{}"}, "extra_content": {"google": {"thought_signature": "s"}}});
    let whole = json!({"object": "chat.completion", "choices": [{"index": 0, "finish_reason": "tool_calls",
        "message": {"role": "assistant", "content": "Hi", "tool_calls": [call]}}]});
    let message = &repeated(whole.to_string(), chat).await["messages"][1];
    assert_eq!(message["tool_calls"], json!([call]));
}
