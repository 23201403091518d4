//! Who called: what rules read of headers and bodies.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use serde_json::{Map, Value, json};
use support::http::{HELLO, Scripted, Upstream, event_stream};
use support::{Mode, Recorders};
use tower::Layer;
use tower_llm_callbacks::{
    HttpCallbackLayer, RunConfig,
    http_layer::{CallerRule, CallerRules},
    testing::Recorded,
};

/// Makes a call with these rules. Returns its last event.
async fn call(rules: &[&str], headers: &[(&str, &str)], body: &Value) -> Recorded {
    let recorders = Recorders::new(&[Mode::Inline]);
    let rules = rules.iter().fold(CallerRules::new(), |all, rule| all.parse(rule).unwrap());
    let layer = HttpCallbackLayer::new(recorders.callbacks.clone()).callers(rules);
    let mut request: Request<Full<Bytes>> =
        Request::post("/v1/messages").body(Full::from(body.to_string())).unwrap();
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    request.extensions_mut().insert(RunConfig::new().metadata("set", "by the application"));
    let server = Upstream(|| event_stream(Scripted::chunks(HELLO)));
    let response = layer.layer(server).oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap();
    recorders.each[0].1.terminals().pop().unwrap()
}

async fn metadata(rules: &[&str], headers: &[(&str, &str)], body: &Value) -> Map<String, Value> {
    let mut metadata = call(rules, headers, body).await.metadata;
    assert_eq!(metadata.remove("set"), Some("by the application".into()));
    metadata
}

#[tokio::test]
async fn only_what_a_rule_names_is_read() {
    let headers = [
        ("x-team", "red"),
        ("x-user", "ann"),
        ("x-claude-code-session-id", "s-1"),
        ("x-set", "by a client"),
    ];
    let body = json!({"user": "u-1", "metadata": {"user_id": "u-2", "plan": 3}, "messages": []});
    let none = metadata(&[], &headers, &body).await;
    assert_eq!(Value::from(none), json!({}));
    let rules = [
        "header:x-team=tenant",
        "body:metadata.plan=plan",
        "body:user=user_id",
        "header:x-set=set",
    ];
    let some = metadata(&rules, &headers, &body).await;
    assert_eq!(Value::from(some), json!({"tenant": "red", "plan": 3, "user_id": "u-1"}));
    // The first rule that finds a value counts.
    let rules = ["header:x-absent=user_id", "body:metadata.user_id=user_id", "body:user=user_id"];
    let some = metadata(&rules, &headers, &body).await;
    assert_eq!(Value::from(some), json!({"user_id": "u-2"}));
}

#[tokio::test]
async fn presets_have_sessions_and_agents_and_no_person() {
    let body = json!({"user": "CANARY", "safety_identifier": "CANARY", "metadata":
        {"user_id": r#"{"device_id":"CANARY","account_uuid":"CANARY","session_id":"s-body"}"#}});
    let all = [
        (
            "claude-code",
            vec![("x-claude-code-session-id", "s-1"), ("x-claude-code-agent-id", "a-1")],
            json!({"session_id": "s-1", "agent_id": "a-1"}),
        ),
        ("claude-code", vec![], json!({"session_id": "s-body"})),
        (
            "codex",
            vec![
                ("session_id", "s-1"),
                ("x-codex-turn-metadata", r#"{"turn_id":"t-1","cwd":"CANARY"}"#),
            ],
            json!({"session_id": "s-1", "turn_id": "t-1"}),
        ),
        (
            "openrouter",
            vec![("x-title", "My app"), ("x-session-id", "s-1")],
            json!({"session_id": "s-1", "app": "My app"}),
        ),
        (
            "litellm",
            vec![("x-litellm-session-id", "s-1"), ("x-litellm-api-key", "CANARY")],
            json!({"session_id": "s-1"}),
        ),
        (
            "helicone",
            vec![
                ("helicone-session-id", "s-1"),
                ("helicone-user-id", "CANARY"),
                ("helicone-property-plan", "pro"),
                ("helicone-property-user-email", "CANARY"),
                ("helicone-property-api-key", "CANARY"),
            ],
            json!({"session_id": "s-1", "property.plan": "pro"}),
        ),
        ("langfuse", vec![("langfuse_session_id", "s-1")], json!({"session_id": "s-1"})),
        (
            "baggage",
            vec![("baggage", "user.id=CANARY, session.id = s%2D1;p=1")],
            json!({"session_id": "s-1"}),
        ),
    ];
    for (preset, headers, expected) in all {
        let found = metadata(&[preset], &headers, &body).await;
        assert_eq!(Value::from(found), expected, "{preset}");
    }
}

#[tokio::test]
async fn lists_become_tags() {
    let headers = [("x-litellm-tags", "a, b,a"), ("x-env", "prod")];
    let body = json!({"metadata": {"tags": ["c", 7, "x".repeat(300)]}});
    let event = call(&["litellm", "header:x-env=tag:env:"], &headers, &body).await;
    let tags: Vec<_> = event.tags.iter().map(|tag| &**tag).collect();
    assert_eq!(tags, ["a", "b", "c", "env:prod"]);
}

#[tokio::test]
async fn what_may_be_a_secret_is_left_out() {
    let long = "x".repeat(201);
    let headers =
        [("x-a", "sk-abcdef123456"), ("x-b", &*long), ("x-c", "Bearer abcdef0123456789abcdef")];
    let found =
        metadata(&["header:x-a=a", "header:x-b=b", "header:x-c=c"], &headers, &json!({})).await;
    assert_eq!(Value::from(found), json!({}));
}

#[test]
fn invalid_rules_say_what_is_right() {
    for (rule, message) in [
        ("header:authorization=user", "may hold credentials"),
        ("headers:x-api-key=user", "may hold credentials"),
        ("header:x-team", "SOURCE:NAME=TARGET"),
        ("header:=tenant", "must not be empty"),
        ("header:x team=tenant", "not one of a header"),
        ("query:team=tenant", "`header`, `headers`, `body` or `baggage`"),
        ("x-team=tenant", "a source and a name"),
    ] {
        let error = rule.parse::<CallerRule>().unwrap_err().to_string();
        assert!(error.contains(message) && error.contains(rule), "{rule}: {error}");
    }
    let error = CallerRules::new().parse("claude").unwrap_err().to_string();
    assert!(error.contains("claude-code, codex"), "{error}");
}
