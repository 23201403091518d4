//! The testing kit: scripts in every wire format, snapshots, replays, and what the checker says.

use std::time::Duration;

use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::{Layer, ServiceExt};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, HttpCallbackLayer, ProviderError, Usage,
    chat::{BoxModel, ChatRequest},
    handlers::JsonLines,
    model::{
        anthropic::{AnthropicConfig, AnthropicLayer},
        gemini::{GeminiConfig, GeminiLayer},
        ollama::{OllamaConfig, OllamaLayer},
        openai::{OpenAiApi, OpenAiConfig, OpenAiLayer},
    },
    testing::{
        Checker, Recorded, Recorder, Script, ScriptedHttp, ScriptedModel, assert_promises, replay,
    },
};

fn script() -> Script {
    Script::new()
        .respond()
        .reasoning("Hm")
        .reasoning(".")
        .signature("c2ln")
        .text("Hel")
        .text("lo")
        .tool_call("call_1", "f", r#"{"a":1}"#)
        .tool_call("call_2", "g", "{}")
        .usage(Usage::new(3, 4))
        .complete("done")
}

/// The models over a scripted provider.
fn models(http: &ScriptedHttp) -> Vec<(&'static str, BoxModel)> {
    let openai = |api| {
        let config = OpenAiConfig::without_key("http://localhost/v1").api(api);
        BoxModel::new(OpenAiLayer::new(config).layer(http.clone()))
    };
    let anthropic = AnthropicLayer::new(AnthropicConfig::new("key")).layer(http.clone());
    vec![
        ("gemini", BoxModel::new(GeminiLayer::new(GeminiConfig::new("key")).layer(http.clone()))),
        ("messages", BoxModel::new(anthropic)),
        ("ollama", BoxModel::new(OllamaLayer::new(OllamaConfig::new()).layer(http.clone()))),
        ("chat", openai(OpenAiApi::ChatCompletions)),
        ("responses", openai(OpenAiApi::Responses)),
    ]
}

fn request(stream: bool) -> ChatRequest {
    ChatRequest::new("any").user("Hi").stream(stream)
}

#[tokio::test]
async fn a_script_reads_the_same_in_every_wire_format() {
    for stream in [true, false] {
        let http = ScriptedHttp::new(script());
        for (api, model) in models(&http) {
            let answer = model.ask(request(stream)).await.unwrap().collect_result().await.unwrap();
            let [choice] = &answer.choices[..] else { panic!("{answer:?}") };
            let texts = (choice.text.as_str(), choice.reasoning.as_str());
            assert_eq!(texts, ("Hello", "Hm."), "{api} {stream}");
            let calls: Vec<_> =
                choice.tool_calls.iter().map(|it| (&*it.id, &*it.name, &*it.arguments)).collect();
            let expected = [("call_1", "f", r#"{"a":1}"#), ("call_2", "g", "{}")];
            assert_eq!(calls, expected, "{api} {stream}");
            let usage = answer.usage.unwrap();
            assert_eq!((usage.input_tokens, usage.output_tokens), (Some(3), Some(4)), "{api}");
            assert_eq!((answer.streamed, answer.decode_faults), (stream, 0), "{api}");
        }
        assert_eq!(http.live(), 0);
        assert_eq!(http.requests().len(), 5);
    }
    // Through the layer.
    for (path, body) in [
        ("/v1beta/models/m:streamGenerateContent?alt=sse", json!({})),
        ("/v1beta/models/m:generateContent", json!({})),
        ("/api/chat", json!({"model": "m"})),
        ("/api/chat", json!({"model": "m", "stream": false})),
    ] {
        let recorder = Recorder::new();
        let http = HttpCallbackLayer::new(Callbacks::new().inline(recorder.clone()));
        let http = http.layer(ScriptedHttp::new(script()));
        let request = http::Request::post(format!("http://h{path}"));
        let request = request.body(http_body_util::Full::new(bytes::Bytes::from(body.to_string())));
        let response = http.oneshot(request.unwrap()).await.unwrap();
        response.into_body().collect().await.unwrap();
        let end = recorder.terminals().pop().unwrap();
        let result = end.result().unwrap();
        assert_eq!((end.error(), result.text()), (None, "Hello"), "{path}");
        assert_eq!(result.choices[0].tool_calls[0].arguments, r#"{"a":1}"#, "{path}");
        assert_eq!(result.usage.as_ref().unwrap().output_tokens, Some(4), "{path}");
    }
}

#[tokio::test]
async fn errors_are_those_of_the_format() {
    let refused = ProviderError::new("Too much").status(429).retry_after(Duration::from_secs(2));
    let midway = ProviderError::new("Too late").code("overloaded_error");
    let http = ScriptedHttp::new([]);
    for (api, _) in models(&http) {
        let http = ScriptedHttp::new([
            Script::refusal(refused.clone()),
            Script::new().respond().text("a").provider_error(midway.clone()),
            Script::new().respond().text("a").fail("reset"),
            Script::new().respond().text("a"),
        ]);
        let models = models(&http);
        let (_, model) = models.into_iter().find(|(name, _)| *name == api).unwrap();
        let error = model.ask(request(true)).await.unwrap_err();
        assert_eq!(
            (error.status(), error.retry_after()),
            (Some(429), refused.retry_after),
            "{api}"
        );
        assert_eq!(&*error.provider().unwrap().message, "Too much", "{api}");
        let midway = model.ask(request(true)).await.unwrap().collect_result().await.unwrap_err();
        assert_eq!(&*midway.provider().unwrap().message, "Too late", "{api}: {midway:?}");
        for expected in ["Transport", "Truncated"] {
            let error = model.ask(request(true)).await.unwrap().collect_result().await;
            let error = format!("{:?}", error.unwrap_err());
            assert!(error.starts_with(expected), "{api}: {error}");
        }
    }
}

/// Calls a scripted model. Returns the records of its events, and a recorder.
async fn recorded(script: Script) -> (String, Recorder) {
    let (recorder, file) = (Recorder::new(), tempfile::NamedTempFile::new().unwrap());
    let lines = JsonLines::open(file.path()).unwrap();
    let callbacks = Callbacks::new().inline(recorder.clone()).inline(lines);
    let model = CallbackLayer::new(callbacks.clone()).name("bot").tags(["t"]);
    let model = BoxModel::new(model.layer(ScriptedModel::new(script)));
    if let Ok(answer) = model.ask(request(true)).await {
        let _ = answer.collect_result().await;
    }
    drop((callbacks, model));
    assert_promises(&recorder.events());
    (std::fs::read_to_string(file.path()).unwrap(), recorder)
}

#[tokio::test]
async fn what_was_recorded_is_played_again() {
    let failing = [
        script(),
        Script::refusal(ProviderError::new("Overloaded").status(529)),
        Script::new().respond().text("a").provider_error(ProviderError::new("Too late")),
        Script::new().fail("refused").respond(),
        Script::new().respond().text("a").fail("reset"),
        Script::new().respond().text("a"),
    ];
    for script in failing {
        let (lines, recorder) = recorded(script).await;
        let calls = replay(&lines).unwrap();
        assert_eq!(calls.len(), 1, "{lines}");
        let (_, again) = recorded(calls[0].script.clone()).await;
        assert_eq!(again.snapshot(), recorder.snapshot());
    }
    let (line, error) = replay("\n\nnonsense").unwrap_err();
    assert_eq!(line, 3, "{error}");
}

#[tokio::test]
async fn a_snapshot_is_the_same_in_each_run() {
    let (_, one) = recorded(script()).await;
    let (_, two) = recorded(script().pause(Duration::from_millis(1))).await;
    assert_eq!(one.snapshot(), two.snapshot());
    let snapshot = one.snapshot();
    assert_eq!(snapshot[0]["name"], "bot");
    assert_eq!(snapshot[0]["data"]["messages"], one.prompts()[0]);
    let text = snapshot.to_string();
    assert!(!text.contains("duration_ms") && !text.contains("run_id"), "{text}");
    assert_eq!(snapshot.as_array().map(Vec::len), Some(3));
    assert_eq!(
        snapshot[1]["tokens"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|it| *it != &Value::from(""))
            .count(),
        6
    );
}

type Change = fn(&mut Vec<Recorded>);

#[tokio::test]
async fn the_checker_says_in_which_run_what_came_and_what_was_expected() {
    let (_, recorder) = recorded(script()).await;
    let check = |change: Change| {
        let mut events = recorder.events();
        change(&mut events);
        let violations = Checker::new().check(&events);
        violations.iter().map(|it| it.to_string() + "\n").collect::<String>()
    };
    assert_eq!(check(|_| {}), "");
    let cases: [(Change, &str); 9] = [
        (|events| drop(events.pop()), "no terminal event, expected an end or an error"),
        (|events| events.push(events[7].clone()), "2 terminal events, expected one"),
        (|events| drop(events.remove(0)), "the first event is llm_new_token, expected llm_start"),
        (|events| events.swap(1, 2), "event 1 came after event 2, expected a higher number"),
        (
            |events| events.swap(6, 7),
            "llm_new_token came after llm_end, expected nothing after a terminal event",
        ),
        (|events| events.insert(1, events[0].clone()), "a second llm_start, expected one"),
        (
            |events| events[2].overlapped = true,
            "event 2 was delivered during another event, expected one at a time",
        ),
        (|events| drop(events.remove(3)), "5 tokens received and 0 dropped, expected 6"),
        (|events| drop(events.remove(3)), r#"is "Hello", but its tokens add up to "lo""#),
    ];
    for (change, expected) in cases {
        let message = check(change);
        assert!(
            message.contains(expected) && message.contains("in run `bot` ("),
            "{expected}: {message}"
        );
    }
    let message = check(|events| drop(events.pop()));
    assert!(message.contains("its events: llm_start llm_new_token ×6"), "{message}");

    // A child with another root than its parent's.
    let mut events = recorder.events();
    let mut child = events.clone();
    for event in &mut child {
        event.run_id = uuid::Uuid::from_u128(1);
        event.root_run_id = event.run_id;
        event.parent_run_id = Some(events[0].run_id);
        event.name = "child".to_owned();
    }
    events.extend(child);
    let message = Checker::new().check(&events)[0].to_string();
    let expected = format!("expected {}, that of its parent `bot`", events[0].run_id);
    assert!(message.contains("in run `child`") && message.contains(&expected), "{message}");

    assert!(Checker::new().check(&[]).is_empty());
    assert!(
        Checker::new().expect_runs().check(&[])[0]
            .to_string()
            .starts_with("the recorder saw no run")
    );
}

#[tokio::test]
#[should_panic(expected = "two messages")]
async fn a_request_that_is_not_expected_fails_the_test() {
    let model = ScriptedModel::new(Script::answer(["a"]));
    let model = model.expect(|number, request: &ChatRequest| {
        assert_eq!(request.messages.len(), number + 1, "two messages");
    });
    for _ in 0..2 {
        model.clone().oneshot(request(true)).await.unwrap();
    }
}
