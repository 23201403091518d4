//! What several providers have in common, in the form of each; and the models of Gemini and Ollama.

use serde_json::{Value, json};
use tower::Layer;
use tower_llm_callbacks::{
    Delta,
    chat::{BoxModel, ChatRequest, ContentPart, Message, ModelError, Role, Tool, ToolChoice},
    model::{
        anthropic::{AnthropicConfig, AnthropicLayer},
        bedrock::{BedrockConfig, BedrockLayer},
        cohere::CohereConfig,
        gemini::{GeminiConfig, GeminiLayer},
        ollama::{OllamaConfig, OllamaLayer},
        openai::{OpenAiApi, OpenAiConfig, OpenAiLayer},
    },
    testing::{Script, ScriptedHttp},
};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Api {
    Messages,
    Chat,
    Responses,
    Gemini,
    Ollama,
    Bedrock,
}

fn model(api: Api, http: &ScriptedHttp) -> BoxModel {
    let http = http.clone();
    let openai = |api| OpenAiConfig::without_key("http://localhost/v1").api(api);
    match api {
        Api::Messages => {
            BoxModel::new(AnthropicLayer::new(AnthropicConfig::new("key")).layer(http))
        }
        Api::Chat => {
            BoxModel::new(OpenAiLayer::new(openai(OpenAiApi::ChatCompletions)).layer(http))
        }
        Api::Responses => BoxModel::new(OpenAiLayer::new(openai(OpenAiApi::Responses)).layer(http)),
        Api::Gemini => BoxModel::new(GeminiLayer::new(GeminiConfig::new("key")).layer(http)),
        Api::Ollama => BoxModel::new(OllamaLayer::new(OllamaConfig::new()).layer(http)),
        Api::Bedrock => {
            BoxModel::new(BedrockLayer::new(BedrockConfig::new("us-east-1", "key")).layer(http))
        }
    }
}

/// Returns the body of a request, or why it is refused. The provider may refuse it, too.
async fn body(api: Api, request: ChatRequest) -> Result<Value, ModelError> {
    let http = ScriptedHttp::new(Script::answer(["Hi"]));
    match model(api, &http).ask(request).await {
        Err(error @ ModelError::InvalidRequest(_)) => Err(error),
        _ => Ok(http.requests().remove(0)),
    }
}

#[tokio::test]
async fn settings_are_in_the_form_of_each_api() {
    let schema = json!({"type": "object"});
    let request = ChatRequest::new("m")
        .user("Hi")
        .tool(Tool::new("f", schema.clone()))
        .reasoning_effort("low")
        .answer_schema(schema.clone())
        .parallel_tool_calls(false)
        .service_tier("flex")
        .param("unknown", 1);
    let tier = |value: &Value| value["service_tier"].clone();

    let sent = body(Api::Messages, request.clone()).await.unwrap();
    assert_eq!(sent["output_config"]["effort"], "low");
    assert_eq!(sent["output_config"]["format"], json!({"type": "json_schema", "schema": schema}));
    assert_eq!(sent["tool_choice"], json!({"type": "auto", "disable_parallel_tool_use": true}));
    assert_eq!((tier(&sent), &sent["unknown"]), (json!("flex"), &json!(1)));

    let sent = body(Api::Chat, request.clone()).await.unwrap();
    assert_eq!(
        (&sent["reasoning_effort"], &sent["parallel_tool_calls"]),
        (&json!("low"), &json!(false))
    );
    assert_eq!(sent["response_format"]["json_schema"]["schema"], schema);
    assert_eq!((tier(&sent), &sent["unknown"]), (json!("flex"), &json!(1)));

    let sent = body(Api::Responses, request.clone()).await.unwrap();
    assert_eq!(
        (&sent["reasoning"], &sent["parallel_tool_calls"]),
        (&json!({"effort": "low"}), &json!(false))
    );
    assert_eq!(sent["text"]["format"]["schema"], schema);
    assert_eq!((tier(&sent), &sent["unknown"]), (json!("flex"), &json!(1)));

    // Those have no setting of parallel calls.
    let mut request = request;
    request.parallel_tool_calls = None;
    let sent = body(Api::Gemini, request.clone()).await.unwrap();
    let config = &sent["generationConfig"];
    assert_eq!(config["responseJsonSchema"], schema);
    assert_eq!(config["thinkingConfig"], json!({"thinkingLevel": "low"}));
    assert_eq!((&sent["serviceTier"], &sent["unknown"]), (&json!("flex"), &json!(1)));

    let sent = body(Api::Bedrock, request.clone()).await.unwrap();
    let format = &sent["outputConfig"]["textFormat"]["structure"]["jsonSchema"];
    assert_eq!(format["schema"], schema.to_string());
    assert_eq!(sent["outputConfig"]["effort"], "low");
    assert_eq!((&sent["serviceTier"], &sent["unknown"]), (&json!({"type": "flex"}), &json!(1)));

    request.service_tier = None;
    let sent = body(Api::Ollama, request).await.unwrap();
    assert_eq!((&sent["format"], &sent["think"]), (&schema, &json!("low")));
    assert_eq!(sent["unknown"], 1);
}

#[tokio::test]
async fn what_an_api_has_no_place_for_is_refused() {
    use Api::{Bedrock, Chat, Gemini, Messages, Ollama, Responses};
    let hi = || ChatRequest::new("m").user("Hi");
    let put = |part| ChatRequest::new("m").message(Message::new(Role::User, ["a".into(), part]));
    let url = || "https://example.com/a.png".to_owned();
    let audio = ContentPart::Audio { media_type: "audio/wav".into(), data_base64: "aQ==".into() };
    let file = ContentPart::FileUrl { url: url(), media_type: "application/pdf".into() };
    let text = |media_type: &str| ContentPart::File {
        name: "a".into(),
        media_type: media_type.into(),
        data_base64: "gICA".into(),
    };
    let cached = Tool::new("f", json!({})).cached();
    let none = ToolChoice::None;
    for (request, apis) in [
        (hi().stop(["x"]), &[Responses][..]),
        (hi().top_k(5), &[Responses, Bedrock]),
        (hi().seed(7), &[Responses, Messages, Bedrock]),
        (hi().parallel_tool_calls(false), &[Gemini, Ollama, Bedrock]),
        (hi().service_tier("flex"), &[Ollama]),
        (hi().tool(cached), &[Chat, Responses, Gemini, Ollama]),
        (hi().tool(Tool::new("f", json!({}))).tool_choice(none), &[Ollama, Bedrock]),
        (put(ContentPart::cache_point()), &[Gemini, Ollama]),
        (put(audio), &[Messages, Responses, Ollama]),
        (put(file), &[Chat, Ollama, Bedrock]),
        (put(ContentPart::ImageUrl { url: url() }), &[Ollama, Bedrock]),
        // No text in UTF-8.
        (put(text("text/plain")), &[Messages, Ollama]),
        (put(text("application/x-own")), &[Messages, Ollama, Bedrock]),
    ] {
        for api in [Messages, Chat, Responses, Gemini, Ollama, Bedrock] {
            let sent = body(api, request.clone()).await;
            let refused = matches!(sent, Err(ModelError::InvalidRequest(_)));
            assert_eq!(refused, apis.contains(&api), "{api:?} {request:?} {sent:?}");
        }
    }
    // A parameter is sent all the same.
    let sent = body(Messages, hi().seed(7).param("seed", 7)).await.unwrap();
    assert_eq!(sent["seed"], 7);
    let sent = body(Gemini, hi().parallel_tool_calls(true)).await;
    assert!(sent.is_ok(), "several calls are what it allows");
    let first = Message::new(Role::User, [ContentPart::cache_point()]);
    for api in [Messages, Chat, Responses] {
        let sent = body(api, ChatRequest::new("m").message(first.clone())).await;
        let Err(ModelError::InvalidRequest(error)) = sent else { panic!("{sent:?}") };
        assert!(error.to_string().contains("must follow content"), "{error}");
    }
}

#[tokio::test]
async fn settings_and_parameters_of_one_name_are_merged() {
    let hi = || ChatRequest::new("m").user("Hi").max_tokens(9).reasoning_effort("low");
    let more = json!({"thinkingConfig": {"includeThoughts": true}, "maxOutputTokens": 5});
    let sent = body(Api::Gemini, hi().param("generationConfig", more)).await.unwrap();
    let thinking = json!({"thinkingLevel": "low", "includeThoughts": true});
    let merged = json!({"maxOutputTokens": 5, "thinkingConfig": thinking});
    assert_eq!(sent["generationConfig"], merged);
    let sent = body(Api::Responses, hi().param("reasoning", json!({"summary": "auto"}))).await;
    assert_eq!(sent.unwrap()["reasoning"], json!({"effort": "low", "summary": "auto"}));
    let sent = body(Api::Ollama, hi().param("options", json!({"num_ctx": 1}))).await.unwrap();
    assert_eq!(sent["options"], json!({"num_predict": 9, "num_ctx": 1}));
    let sent = body(Api::Bedrock, hi().param("inferenceConfig", json!({"topP": 1}))).await.unwrap();
    assert_eq!(sent["inferenceConfig"], json!({"maxTokens": 9, "topP": 1}));
}

#[tokio::test]
async fn a_file_is_in_the_form_of_each_api() {
    let file = ContentPart::File {
        name: "a.pdf".to_owned(),
        media_type: "application/pdf".to_owned(),
        data_base64: "JVBERi0=".to_owned(),
    };
    let request = ChatRequest::new("m").message(Message::new(Role::User, [file]));
    let url = "data:application/pdf;base64,JVBERi0=";
    for (api, at, expected) in [
        (Api::Messages, "/messages/0/content/0/source/data", "JVBERi0="),
        (Api::Chat, "/messages/0/content/0/file/file_data", url),
        (Api::Responses, "/input/0/content/0/file_data", url),
        (Api::Gemini, "/contents/0/parts/0/inlineData/data", "JVBERi0="),
        (Api::Bedrock, "/messages/0/content/0/document/source/bytes", "JVBERi0="),
    ] {
        let sent = body(api, request.clone()).await.unwrap();
        assert_eq!(sent.pointer(at), Some(&json!(expected)), "{sent}");
    }
    let error = body(Api::Ollama, request).await.unwrap_err();
    assert!(matches!(error, ModelError::InvalidRequest(_)), "{error:?}");
}

#[tokio::test]
async fn gemini_gets_its_signatures_back() {
    let call = json!({"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "s1"});
    let last = json!({"text": "Bye.", "thoughtSignature": "s2"});
    let script = Script::new()
        .respond()
        .text("Hel")
        .text("lo")
        .chunk(Delta::NextBlock { choice: 0 })
        .chunk(Delta::tool_call(0, "", "f", r#"{"a":1}"#))
        .chunk(Delta::Native {
            choice: 0,
            api: "generate_content".into(),
            value: std::borrow::Cow::Owned(call.clone()),
            covers: true,
            text_at: None,
        })
        .complete("STOP");
    // A model of one's own emits the same deltas as the decoder.
    let scripted = BoxModel::new(tower_llm_callbacks::testing::ScriptedModel::new(script));
    let first = scripted.ask(ChatRequest::new("m").user("Hi")).await.unwrap();
    let message = Message::from(&first.collect_result().await.unwrap());
    let request = ChatRequest::new("m")
        .system("Be brief.")
        .user("Hi")
        .message(message)
        .message(Message::tool_result("", "18"))
        .tool_choice(ToolChoice::Tool("f".to_owned()))
        .max_tokens(9)
        .stop(["x"]);
    let sent = body(Api::Gemini, request).await.unwrap();
    let result = json!({"functionResponse": {"name": "f", "response": {"output": "18"}}});
    let contents = json!([
        {"role": "user", "parts": [{"text": "Hi"}]},
        {"role": "model", "parts": [{"text": "Hello"}, call]},
        {"role": "user", "parts": [result]},
    ]);
    assert_eq!(sent["contents"], contents);
    assert_eq!(sent["systemInstruction"], json!({"parts": [{"text": "Be brief."}]}));
    assert_eq!(sent["generationConfig"], json!({"maxOutputTokens": 9, "stopSequences": ["x"]}));
    let config = &sent["toolConfig"]["functionCallingConfig"];
    assert_eq!(config, &json!({"mode": "ANY", "allowedFunctionNames": ["f"]}));

    // As the decoder reads it, streamed or not.
    let parts = json!([{"text": "Hm.", "thought": true}, {"text": "Hello"}, call, last]);
    let answer = |parts: &Value, end: bool| {
        let candidate = json!({"content": {"parts": parts}, "finishReason": end.then_some("STOP")});
        json!({"candidates": [candidate]})
    };
    let streamed = parts.as_array().unwrap().iter().enumerate();
    let streamed =
        streamed.map(|(at, part)| format!("data: {}\n\n", answer(&json!([part]), at == 3)));
    for body in [answer(&parts, true).to_string(), streamed.collect()] {
        let http = tower::service_fn(move |_: http::Request<_>| {
            let body = http_body_util::Full::new(bytes::Bytes::from(body.clone()));
            async { Ok::<_, std::io::Error>(http::Response::new(body)) }
        });
        let model = GeminiLayer::new(GeminiConfig::new("key")).layer(http);
        let answer = model.oneshot(ChatRequest::new("m").user("Hi")).await.unwrap();
        let message = Message::from(&answer.collect_result().await.unwrap());
        let request = ChatRequest::new("m").user("Hi").message(message);
        let request = request.message(Message::tool_result("", "18"));
        let sent = self::body(Api::Gemini, request).await.unwrap();
        assert_eq!(sent["contents"][1]["parts"], json!([{"text": "Hello"}, call, last]));
    }
}

#[tokio::test]
async fn ollama_gets_its_thinking_and_the_names_of_tools() {
    let answer = json!({"model": "m", "done": true, "message": {"role": "assistant", "content": "Hi",
        "thinking": "Hm.", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]}});
    let http = tower::service_fn(move |_: http::Request<_>| {
        let body = http_body_util::Full::new(bytes::Bytes::from(answer.to_string()));
        async { Ok::<_, std::io::Error>(http::Response::new(body)) }
    });
    let model = OllamaLayer::new(OllamaConfig::new()).layer(http);
    let first = model.oneshot(ChatRequest::new("m").user("Hi")).await.unwrap();
    let message = Message::from(&first.collect_result().await.unwrap());
    let image =
        ContentPart::Image { media_type: "image/png".to_owned(), data_base64: "aQ==".to_owned() };
    let request = ChatRequest::new("m")
        .message(Message::new(Role::User, ["Hi".into(), image]))
        .message(message)
        .message(Message::tool_result("", "18"))
        .temperature(0.5);
    let sent = body(Api::Ollama, request.clone()).await.unwrap();
    let messages = json!([
        {"role": "user", "content": "Hi", "images": ["aQ=="]},
        {"role": "assistant", "content": "Hi", "thinking": "Hm.",
         "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]},
        {"role": "tool", "tool_name": "f", "content": "18"},
    ]);
    assert_eq!(sent["messages"], messages);
    assert_eq!(sent["options"], json!({"temperature": 0.5}));
    let error = body(Api::Ollama, request.tool_choice(ToolChoice::Required)).await.unwrap_err();
    assert!(matches!(error, ModelError::InvalidRequest(_)));
    let orphan = ChatRequest::new("m").message(Message::tool_result("call_1", "18"));
    for api in [Api::Ollama, Api::Gemini] {
        assert!(matches!(body(api, orphan.clone()).await, Err(ModelError::InvalidRequest(_))));
    }
}

#[tokio::test]
async fn geminis_model_is_in_the_path() {
    for (name, stream, expected) in [
        (
            "gemini-2.5-flash",
            true,
            Some("/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"),
        ),
        ("models/m", false, Some("/v1beta/models/m:generateContent")),
        ("a/../b", true, None),
        ("", true, None),
    ] {
        let http =
            tower::service_fn(move |request: http::Request<http_body_util::Full<bytes::Bytes>>| {
                let path = request.uri().path_and_query().map(ToString::to_string);
                assert_eq!(path.as_deref(), expected);
                assert_eq!(request.headers()["x-goog-api-key"], "key");
                async {
                    Ok::<_, std::io::Error>(http::Response::new(
                        http_body_util::Full::<bytes::Bytes>::default(),
                    ))
                }
            });
        let model = GeminiLayer::new(GeminiConfig::new("key")).layer(http);
        let called = model.oneshot(ChatRequest::new(name).user("Hi").stream(stream)).await;
        assert_eq!(called.is_ok(), expected.is_some(), "{name}");
    }
}

#[test]
fn no_configuration_shows_its_secrets() {
    let url = "https://me:CANARY@example.com";
    for shown in [
        format!("{:?}", GeminiConfig::new("CANARY").header("x-own", "CANARY").base_url(url)),
        format!("{:?}", OllamaConfig::new().header("x-own", "CANARY").base_url(url)),
        format!("{:?}", CohereConfig::new("CANARY").header("x-own", "CANARY").base_url(url)),
        format!("{:?}", BedrockConfig::new("us-east-1", "CANARY").base_url(url)),
    ] {
        assert!(shown.contains("base_url") && !shown.contains("CANARY"), "{shown}");
    }
    for error in [
        GeminiConfig::new("").validate(),
        CohereConfig::new("").validate(),
        BedrockConfig::new("us-east-1", "").validate(),
    ] {
        let error = error.unwrap_err();
        assert!(error.is_missing() && error.field() == "api_key", "{error}");
    }
    let error = BedrockConfig::new("", "key").validate().unwrap_err();
    assert!(error.is_missing() && error.field() == "region", "{error}");
    for error in [
        GeminiConfig::new("key").base_url("https://h/v1beta").validate(),
        CohereConfig::new("key").base_url("https://h/v2").validate(),
        OllamaConfig::new().base_url("http://h/api").validate(),
        BedrockConfig::new("us-east-1", "key").base_url("https://h/model").validate(),
    ] {
        assert!(error.unwrap_err().to_string().contains("comes before"));
    }
}
