//! Requests in the format of the Responses API.

use serde_json::{Value, json};
use tower_llm_callbacks::{
    chat::{ChatRequest, ContentPart, Message, Role, Tool, ToolChoice},
    model::openai::{MaxTokensField, OpenAiApi, OpenAiConfig},
};

use super::{MODEL, call, hello, refused, result, sent, sent_body};

fn config() -> OpenAiConfig {
    super::config(OpenAiApi::Responses)
}

/// The items sent for these messages, without the first one.
async fn input(messages: impl IntoIterator<Item = Message>) -> Vec<Value> {
    let mut body = sent_body(config(), hello().messages(messages)).await;
    let Value::Array(mut items) = body["input"].take() else { panic!("{body}") };
    assert_eq!(items.remove(0), json!({"type": "message", "role": "user", "content": "Hello"}));
    items
}

#[tokio::test]
async fn the_request_has_every_field() {
    let weather = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let request = ChatRequest::new(MODEL)
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
                ContentPart::Raw(json!({"type": "input_file", "file_id": "file-1"})),
            ],
        ))
        .temperature(0.5)
        .top_p(0.75)
        .tool(Tool::new("get_weather", weather.clone()).description("The weather"))
        .tool(Tool::new("get_time", json!({"type": "object"})))
        .tool_choice(ToolChoice::Tool("get_weather".into()))
        .param("store", false);
    // Settings for Chat Completions have no effect.
    let config = config().include_usage(true).max_tokens_field(MaxTokensField::MaxTokens);
    assert_eq!(
        sent_body(config, request).await,
        json!({
            "model": MODEL,
            "instructions": "Be brief.",
            "input": [
                {"type": "message", "role": "user", "content": "Hello"},
                {"type": "message", "role": "assistant", "content": "Hi!"},
                {"type": "message", "role": "user", "content": [
                    {"type": "input_text", "text": "What is this?"},
                    {"type": "input_image", "image_url": "data:image/png;base64,iVBO",
                     "detail": "auto"},
                    {"type": "input_image", "image_url": "https://example.com/a.png",
                     "detail": "auto"},
                    {"type": "input_file", "file_id": "file-1"},
                ]},
            ],
            "max_output_tokens": 25,
            "temperature": 0.5,
            "top_p": 0.75,
            "tools": [
                {"type": "function", "name": "get_weather", "description": "The weather",
                 "parameters": weather, "strict": false},
                {"type": "function", "name": "get_time", "parameters": {"type": "object"},
                 "strict": false},
            ],
            "tool_choice": {"type": "function", "name": "get_weather"},
            "store": false,
            "stream": true,
        })
    );
}

#[tokio::test]
async fn unset_fields_are_not_sent() {
    let request = ChatRequest::new(MODEL).user("Hello").stream(false);
    let expected = json!({
        "model": MODEL, "stream": false,
        "input": [{"type": "message", "role": "user", "content": "Hello"}],
    });
    assert_eq!(sent_body(config(), request).await, expected);
}

#[tokio::test]
async fn parameters_override_fields() {
    let request = hello().system("No.").param("input", "Hi").param("instructions", "Yes.");
    let http = sent(config(), request).await;
    let raw = std::str::from_utf8(http.body()).unwrap();
    let body: Value = serde_json::from_str(raw).unwrap();
    assert_eq!((&body["input"], &body["instructions"]), (&json!("Hi"), &json!("Yes.")));
    for name in ["\"input\"", "instructions"] {
        assert_eq!(raw.matches(name).count(), 1, "{raw}");
    }
    let request = ChatRequest::new("").param("model", "m").param("input", "Hi");
    assert_eq!(sent_body(config(), request).await["model"], "m");
    let request = hello().max_tokens(0).param("max_output_tokens", 1);
    assert_eq!(sent_body(config(), request).await["max_output_tokens"], 1);
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
async fn calls_and_results_are_items_in_order() {
    let reasoning = ContentPart::Reasoning { text: "Hm.".into(), signature: Some("s".into()) };
    let items = input([
        Message::new(Role::Assistant, [reasoning.clone()]),
        Message::new(
            Role::Assistant,
            [
                reasoning,
                ContentPart::text("Let me look."),
                ContentPart::text("So."),
                call("call_1", json!({"city": "Oslo"})),
                ContentPart::text("And there."),
                call("call_2", Value::Null),
            ],
        ),
        Message::tool_result("call_1", "Rain"),
        Message::new(Role::Tool, [result("call_2", "No such city"), ContentPart::text("Hm.")]),
        Message::system("Be brief."),
    ])
    .await;
    assert_eq!(
        items,
        [
            json!({"type": "message", "role": "assistant", "content": [
                {"type": "output_text", "text": "Let me look."},
                {"type": "output_text", "text": "So."},
            ]}),
            json!({"type": "function_call", "call_id": "call_1", "name": "get_weather",
                "arguments": "{\"city\":\"Oslo\"}"}),
            json!({"type": "message", "role": "assistant", "content": "And there."}),
            json!({"type": "function_call", "call_id": "call_2", "name": "get_weather",
                "arguments": "{}"}),
            json!({"type": "function_call_output", "call_id": "call_1", "output": "Rain"}),
            json!({"type": "function_call_output", "call_id": "call_2", "output": "No such city"}),
            json!({"type": "message", "role": "user", "content": "Hm."}),
            json!({"type": "message", "role": "system", "content": "Be brief."}),
        ]
    );
}

#[tokio::test]
async fn results_precede_other_parts_of_their_message() {
    let content = [ContentPart::text("And now?"), result("call_1", "Rain")];
    let output = json!({"type": "function_call_output", "call_id": "call_1", "output": "Rain"});
    let message = |role: &str| json!({"type": "message", "role": role, "content": "And now?"});
    let items = input([Message::new(Role::User, content.clone())]).await;
    assert_eq!(items, [output.clone(), message("user")]);
    // An assistant message's result may belong to a call before it.
    let items = input([Message::new(Role::Assistant, content)]).await;
    assert_eq!(items, [message("assistant"), output]);
}

#[tokio::test]
async fn raw_values_are_parts_or_items_by_their_type() {
    let refusal = json!({"type": "refusal", "refusal": "No."});
    let output = json!({"type": "output_text", "text": "Hi", "annotations": []});
    let reasoning = json!({"type": "reasoning", "id": "rs_1", "summary": []});
    let untyped = json!({"id": "msg_1"});
    let items = input([Message::new(
        Role::Assistant,
        [
            ContentPart::Raw(reasoning.clone()),
            ContentPart::Raw(output.clone()),
            ContentPart::Raw(refusal.clone()),
            ContentPart::Raw(untyped.clone()),
            ContentPart::text("So."),
        ],
    )])
    .await;
    let message =
        |content: Value| json!({"type": "message", "role": "assistant", "content": content});
    assert_eq!(
        items,
        [reasoning, message(json!([output, refusal])), untyped, message(json!("So."))]
    );
}

#[tokio::test]
async fn arguments_are_a_string_of_json() {
    for (arguments, expected) in
        [(json!({"a": 1}), "{\"a\":1}"), (json!("{\"a\": "), "{\"a\": "), (json!(""), "{}")]
    {
        let items = input([Message::new(Role::Assistant, [call("call_1", arguments)])]).await;
        assert_eq!(items[0]["arguments"], expected);
    }
}

#[tokio::test]
async fn invalid_requests_are_refused_before_the_call() {
    let misplaced = Message::new(Role::User, [call("call_1", Value::Null)]);
    let cases = [
        (ChatRequest::new(MODEL), "no message"),
        (ChatRequest::new(MODEL).system("Only this."), "no message"),
        (ChatRequest::new("").user("Hello"), "no model"),
        (hello().max_tokens(0), "max_tokens is 0"),
        (hello().temperature(f64::NAN), "temperature"),
        (hello().top_p(f64::INFINITY), "top_p"),
        (hello().message(misplaced), "role assistant"),
        (hello().stop(["END"]), "takes no stop"),
        (hello().stop(["END"]), "OpenAiApi::ChatCompletions"),
        (hello().top_k(40), "takes no top_k"),
        (hello().top_k(40), "ChatRequest::param"),
    ];
    for (request, expected) in cases {
        let reason = refused(config(), request).await;
        assert!(reason.contains(expected), "{reason}");
    }
    // A server that accepts `top_k`.
    let body = sent_body(config(), hello().top_k(40).param("top_k", 50)).await;
    assert_eq!(body["top_k"], 50);
}
