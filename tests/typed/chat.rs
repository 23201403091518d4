//! The chat vocabulary: what a request reports about itself, and messages as JSON.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures::{StreamExt, stream, stream::FusedStream};
use serde_json::{Value, json};
use tower::BoxError;
use tower_llm_callbacks::{
    Delta, LlmChunk, LlmRequest, ProviderError,
    chat::{
        ChatChunk, ChatRequest, ChatStream, ContentPart, Message, ModelError, Role, Tool,
        ToolChoice, collect,
    },
    event::Truncated,
};

#[test]
fn the_models_name_determines_the_provider() {
    for (model, provider, api) in [
        ("claude-3-haiku-20240307", "anthropic", "messages"),
        ("gpt-5", "openai", "chat_completions"),
        ("chatgpt-4o-latest", "openai", "chat_completions"),
        ("o3-mini", "openai", "chat_completions"),
        ("gemini-2.5-flash", "gcp.gemini", "generate_content"),
        ("llama3", "unknown", "chat"),
    ] {
        let start = ChatRequest::new(model).llm_start();
        assert_eq!((&*start.provider, &*start.api), (provider, api), "{model}");
        assert_eq!(start.model.as_deref(), Some(model));
    }
    let start = ChatRequest::new("llama3").provider("ollama").api("generate").llm_start();
    assert_eq!((&*start.provider, &*start.api), ("ollama", "generate"));
}

#[test]
fn a_start_carries_every_field_of_its_request() {
    let request = ChatRequest::new("claude")
        .system("Be brief.")
        .user("Hello")
        .message(Message::tool_result("toolu_1", "Rain"))
        .max_tokens(25)
        .temperature(0.5)
        .stop(["END"])
        .tool(Tool::new("get_time", json!({"type": "object"})))
        .tool_choice(ToolChoice::Tool("get_time".into()))
        .param("mcp_servers", json!([{"name": "files", "authorization_token": "CANARY"}]))
        .stream(false);
    let start = request.llm_start();
    assert!(!start.stream);
    assert_eq!(
        start.messages.get().unwrap(),
        &json!([
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
            {"role": "tool", "content": [{"type": "tool_result", "tool_call_id": "toolu_1",
                                          "content": "Rain", "is_error": false}]},
        ])
    );
    assert_eq!(
        Value::Object(start.params),
        json!({
            "max_tokens": 25,
            "temperature": 0.5,
            "stop": ["END"],
            "tools": [{"name": "get_time", "parameters": {"type": "object"}}],
            "tool_choice": {"tool": "get_time"},
            "mcp_servers": [{"name": "files", "authorization_token": "[redacted]"}],
        })
    );
    assert!(!format!("{request:?}").contains("CANARY"));
}

#[test]
fn starts_and_clones_share_the_messages() {
    let request = ChatRequest::new("claude").user("Hello");
    let (start, clone) = (request.llm_start(), request.clone());
    assert_eq!(Arc::strong_count(&request.messages), 3);
    drop(start);
    let longer = clone.user("More");
    assert_eq!((request.messages.len(), longer.messages.len()), (1, 2));
}

#[test]
fn extensions_are_carried_but_not_shown() {
    #[derive(Clone, Debug)]
    #[expect(dead_code, reason = "only its `Debug` output is used")]
    struct Tag(&'static str);

    let mut request = ChatRequest::new("claude");
    LlmRequest::extensions_mut(&mut request).unwrap().insert(Tag("CANARY"));
    assert!(LlmRequest::extensions(&request.clone()).unwrap().get::<Tag>().is_some());
    assert!(!format!("{request:?}").contains("CANARY"));
}

#[test]
fn messages_survive_json() {
    let parts = [
        ContentPart::text("Hello"),
        ContentPart::Reasoning { text: "Hm.".into(), signature: Some("c2ln".into()) },
        ContentPart::ToolCall { id: "1".into(), name: "f".into(), arguments: json!({"a": 1}) },
        ContentPart::ToolResult { tool_call_id: "1".into(), content: "x".into(), is_error: true },
        ContentPart::Image { media_type: "image/png".into(), data_base64: "iVBO".into() },
        ContentPart::ImageUrl { url: "https://example.com".into() },
        ContentPart::Raw(json!({"type": "document", "title": "a"})),
    ];
    for message in [
        Message::new(Role::Assistant, parts),
        Message::new(Role::User, []),
        Message::user("Hello"),
        Message::system("Be brief."),
    ] {
        let json = serde_json::to_string(&message).unwrap();
        assert_eq!(serde_json::from_str::<Message>(&json).unwrap(), message, "{json}");
    }
    let raw = ContentPart::Raw(json!({"type": "document"}));
    assert_eq!(json!(raw), json!({"type": "document"}));
}

#[test]
fn a_chunk_is_one_delta() {
    const { assert!(<ChatChunk as LlmChunk>::HAS_END_MARK) };
    let chunk: ChatChunk = Delta::text("Hello");
    let mut seen = Vec::new();
    chunk.deltas(&mut |delta| seen.push(delta.into_owned()));
    assert_eq!(seen, [chunk]);
}

#[tokio::test]
async fn a_stream_ends_once_and_drops_its_inner_stream() {
    struct Guard(Arc<AtomicBool>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    let dropped = Arc::new(AtomicBool::new(false));
    let guard = Guard(Arc::clone(&dropped));
    let chunks = stream::iter([Ok(Delta::text("a")), Err(ModelError::Truncated)]);
    let mut chunks = ChatStream::new(chunks.inspect(move |_| _ = &guard));
    assert!(chunks.next().await.unwrap().is_ok());
    assert!(chunks.next().await.unwrap().is_err());
    assert!(!chunks.is_terminated());
    assert!(chunks.next().await.is_none() && chunks.is_terminated());
    assert!(dropped.load(Ordering::Relaxed), "the inner stream is dropped at the end");
    assert!(chunks.next().await.is_none());
}

#[tokio::test]
async fn collecting_adds_up_or_fails() {
    let chunks = [Delta::text("Hel"), Delta::text("lo"), Delta::Done];
    let result = collect(stream::iter(chunks.map(Ok::<_, BoxError>))).await.unwrap();
    assert_eq!((result.text(), result.tokens), ("Hello", 2));

    let broken = stream::iter([Ok(Delta::text("Hel")), Err(BoxError::from("broken"))]);
    assert_eq!(collect(broken).await.unwrap_err().to_string(), "broken");
}

/// What a run would end in is an error for who collects the answer.
#[tokio::test]
async fn a_failed_answer_is_collected_as_an_error() {
    let refused = || Delta::Error(ProviderError::new("too late").status(500));
    let chunks = |chunks: Vec<ChatChunk>| stream::iter(chunks.into_iter().map(Ok::<_, ModelError>));

    let error = ChatStream::new(chunks(vec![Delta::text("x"), refused()])).collect_result().await;
    assert_eq!(error.unwrap_err().status(), Some(500));
    for broken_off in [vec![Delta::text("x")], vec![]] {
        let error = collect(chunks(broken_off.clone())).await.unwrap_err();
        assert!(error.is::<Truncated>(), "{error:?}");
        let error = ChatStream::new(chunks(broken_off.clone())).collect_result().await.unwrap_err();
        assert!(matches!(error, ModelError::Truncated), "{error:?}");
    }
    // Every choice has its finish reason.
    let whole = collect(chunks(vec![Delta::text("x"), Delta::finish("stop")])).await.unwrap();
    assert_eq!(whole.text(), "x");
}
