//! Requests in the format of Chat Completions.

use serde_json::{Value, json};
use tower_llm_callbacks::{
    chat::{ChatRequest, ContentPart, Message, Role, Tool, ToolChoice},
    model::openai::{MaxTokensField, OpenAiApi, OpenAiConfig},
};

use super::{MODEL, call, hello, refused, result, sent, sent_body};

fn config() -> OpenAiConfig {
    super::config(OpenAiApi::ChatCompletions)
}

async fn messages(request: ChatRequest) -> Value {
    sent_body(config(), request).await["messages"].take()
}

#[tokio::test]
async fn the_request_has_every_field() {
    #[derive(Clone, Debug, PartialEq)]
    struct Tag(u32);

    let weather = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let mut request = ChatRequest::new(MODEL)
        .max_tokens(25)
        .system("Be brief.")
        .user("Hello")
        .assistant("Hi!")
        .message(Message::new(
            Role::User,
            [
                ContentPart::text("What is this?"),
                ContentPart::Image { media_type: "image/png".into(), data_base64: "iVBO".into() },
                ContentPart::ImageUrl { url: "https://example.com/a.png".into() },
                ContentPart::Raw(json!({"type": "file", "file": {"file_id": "file-1"}})),
            ],
        ))
        .temperature(0.5)
        .top_p(0.75)
        .top_k(40)
        .stop(["END", "STOP"])
        .tool(Tool::new("get_weather", weather.clone()).description("The weather"))
        .tool(Tool::new("get_time", json!({"type": "object"})))
        .tool_choice(ToolChoice::Tool("get_weather".into()))
        .param("seed", 7);
    request.extensions.insert(Tag(7));
    let http = sent(config(), request).await;

    assert_eq!(http.extensions().get(), Some(&Tag(7)));
    let body: Value = serde_json::from_slice(http.body()).unwrap();
    assert_eq!(
        body,
        json!({
            "model": MODEL,
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Hello"},
                {"role": "assistant", "content": "Hi!"},
                {"role": "user", "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}},
                    {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
                    {"type": "file", "file": {"file_id": "file-1"}},
                ]},
            ],
            "max_completion_tokens": 25,
            "temperature": 0.5,
            "top_p": 0.75,
            "top_k": 40,
            "stop": ["END", "STOP"],
            "tools": [
                {"type": "function", "function": {
                    "name": "get_weather", "description": "The weather", "parameters": weather}},
                {"type": "function", "function": {
                    "name": "get_time", "parameters": {"type": "object"}}},
            ],
            "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
            "seed": 7,
            "stream": true,
            "stream_options": {"include_usage": true},
        })
    );
}

#[tokio::test]
async fn unset_fields_are_not_sent() {
    let request = ChatRequest::new(MODEL).user("Hello").stream(false);
    let expected = json!({
        "model": MODEL, "stream": false, "messages": [{"role": "user", "content": "Hello"}],
    });
    assert_eq!(sent_body(config(), request).await, expected);
}

#[tokio::test]
async fn usage_is_requested_only_in_streams() {
    let options = async |config: OpenAiConfig, request: ChatRequest| {
        sent_body(config, request).await.get("stream_options").cloned()
    };
    let usage = || Some(json!({"include_usage": true}));
    assert_eq!(options(config(), hello()).await, usage());
    assert_eq!(options(config().include_usage(false), hello()).await, None);
    assert_eq!(options(config(), hello().stream(false)).await, None);
    // The effective `stream` decides, even if a parameter sets it.
    assert_eq!(options(config(), hello().param("stream", false)).await, None);
    assert_eq!(options(config(), hello().stream(false).param("stream", true)).await, usage());
    let own = json!({"include_obfuscation": false});
    let request = hello().param("stream_options", own.clone());
    assert_eq!(options(config(), request).await, Some(own));
}

#[tokio::test]
async fn max_tokens_are_in_the_configured_field() {
    let old = config().max_tokens_field(MaxTokensField::MaxTokens);
    let body = sent_body(old, hello()).await;
    assert_eq!((&body["max_tokens"], &body["max_completion_tokens"]), (&json!(25), &Value::Null));
    let same = config().max_tokens_field(MaxTokensField::MaxCompletionTokens);
    let body = sent_body(same, hello()).await;
    assert_eq!((&body["max_tokens"], &body["max_completion_tokens"]), (&Value::Null, &json!(25)));
}

#[tokio::test]
async fn parameters_override_fields() {
    let request = hello()
        .param("max_completion_tokens", 3)
        .param("tool_choice", "auto")
        .param("messages", json!([]))
        .tool_choice(ToolChoice::None);
    let http = sent(config(), request).await;
    let raw = std::str::from_utf8(http.body()).unwrap();
    let body: Value = serde_json::from_str(raw).unwrap();
    assert_eq!(body["max_completion_tokens"], 3);
    assert_eq!((&body["tool_choice"], &body["messages"]), (&json!("auto"), &json!([])));
    for name in ["max_completion_tokens", "tool_choice", "messages"] {
        assert_eq!(raw.matches(name).count(), 1, "{raw}");
    }
    // A parameter can also supply a missing field.
    let request = ChatRequest::new("").param("model", "m").param("messages", json!([]));
    assert_eq!(sent_body(config(), request).await["model"], "m");
    let request = hello().max_tokens(0).param("max_completion_tokens", 1);
    assert_eq!(sent_body(config(), request).await["max_completion_tokens"], 1);
}

#[tokio::test]
async fn tool_choices() {
    for (choice, expected) in
        [(ToolChoice::Auto, "auto"), (ToolChoice::None, "none"), (ToolChoice::Required, "required")]
    {
        assert_eq!(sent_body(config(), hello().tool_choice(choice)).await["tool_choice"], expected);
    }
}

#[tokio::test]
async fn calls_are_in_their_message_and_results_are_messages() {
    let reasoning = ContentPart::Reasoning { text: "Hm.".into(), signature: Some("s".into()) };
    let request = hello()
        .message(Message::new(Role::Assistant, [reasoning.clone()]))
        .message(Message::new(
            Role::Assistant,
            [
                reasoning,
                ContentPart::text("Let me look."),
                call("call_1", json!({"city": "Oslo"})),
                call("call_2", Value::Null),
            ],
        ))
        .message(Message::tool_result("call_1", "Rain"))
        .message(Message::new(Role::Tool, [result("call_2", "No such city")]))
        .message(Message::system("Be brief."))
        .user("And now?");
    let function = |arguments: &str| json!({"name": "get_weather", "arguments": arguments});
    assert_eq!(
        messages(request).await,
        json!([
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Let me look.", "tool_calls": [
                {"id": "call_1", "type": "function", "function": function("{\"city\":\"Oslo\"}")},
                {"id": "call_2", "type": "function", "function": function("{}")},
            ]},
            {"role": "tool", "tool_call_id": "call_1", "content": "Rain"},
            {"role": "tool", "tool_call_id": "call_2", "content": "No such city"},
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "And now?"},
        ])
    );
}

#[tokio::test]
async fn results_precede_other_parts_of_their_message() {
    for role in [Role::User, Role::Tool] {
        let content = [
            ContentPart::text("Here:"),
            result("call_1", "Rain"),
            result("call_2", "Sun"),
            ContentPart::text("And now?"),
        ];
        let request = hello()
            .message(Message::new(
                Role::Assistant,
                [call("call_1", json!({})), call("call_2", json!({}))],
            ))
            .message(Message::new(role, content));
        let messages = messages(request).await;
        assert_eq!(messages[1]["content"], Value::Null);
        assert!(messages[1].as_object().unwrap().contains_key("content"));
        assert_eq!(
            messages.as_array().unwrap()[2..],
            [
                json!({"role": "tool", "tool_call_id": "call_1", "content": "Rain"}),
                json!({"role": "tool", "tool_call_id": "call_2", "content": "Sun"}),
                json!({"role": "user", "content": [
                    {"type": "text", "text": "Here:"}, {"type": "text", "text": "And now?"},
                ]}),
            ]
        );
    }
}

#[tokio::test]
async fn a_result_in_an_assistant_message_follows_its_call() {
    let content = [
        ContentPart::text("Let me look."),
        call("call_1", json!({})),
        result("call_1", "Rain"),
        ContentPart::text("It rains."),
    ];
    let messages = messages(hello().message(Message::new(Role::Assistant, content))).await;
    let roles: Vec<_> =
        messages.as_array().unwrap().iter().map(|message| message["role"].clone()).collect();
    assert_eq!(roles, ["user", "assistant", "tool", "assistant"]);
    assert_eq!(messages[1]["tool_calls"][0]["id"], "call_1");
    assert_eq!(messages[3], json!({"role": "assistant", "content": "It rains."}));
}

#[tokio::test]
async fn arguments_are_a_string_of_json() {
    for (arguments, expected) in [
        (Value::Null, "{}"),
        (json!({}), "{}"),
        (json!({"a": [1, "é"]}), "{\"a\":[1,\"é\"]}"),
        // The model's arguments are returned unchanged, even if they are not JSON.
        (json!("{\"a\": 1}"), "{\"a\": 1}"),
        (json!("{\"a\": "), "{\"a\": "),
        (json!(" "), "{}"),
    ] {
        let message = Message::new(Role::Assistant, [call("call_1", arguments)]);
        let messages = messages(hello().message(message)).await;
        assert_eq!(messages[1]["tool_calls"][0]["function"]["arguments"], expected);
    }
}

#[tokio::test]
async fn invalid_requests_are_refused_before_the_call() {
    let misplaced = Message::new(Role::User, [call("call_1", Value::Null)]);
    let silent = Message::new(
        Role::Assistant,
        [ContentPart::Reasoning { text: "Hm.".into(), signature: None }],
    );
    let cases = [
        (ChatRequest::new(MODEL), "no message"),
        (ChatRequest::new(MODEL).system("Only this."), "no message"),
        (ChatRequest::new(MODEL).message(silent), "no message"),
        (ChatRequest::new("").user("Hello"), "no model"),
        (hello().max_tokens(0), "max_tokens is 0"),
        (hello().temperature(f64::NAN), "temperature"),
        (hello().top_p(f64::INFINITY), "top_p"),
        (hello().message(misplaced), "role assistant"),
    ];
    for (request, expected) in cases {
        let reason = refused(config(), request).await;
        assert!(reason.contains(expected), "{reason}");
    }
}
