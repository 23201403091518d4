//! What identifies a person or a machine is covered in every place, by one rule; what identifies a session, a thread, a turn or
//! an agent is kept.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::http::{HELLO, Scripted, Upstream, event_stream};
use support::{Mode, Recorders};
use tower::Layer;
use tower_llm_callbacks::{EventData, HttpCallbackLayer, LlmRequest, chat::ChatRequest};

/// Returns the records of a call with a body and headers, as text, and its start's data.
async fn records(target: &str, body: &Value, headers: &[(&str, &str)]) -> (String, Value) {
    let recorders = Recorders::new(&[Mode::Inline]);
    let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
    let mut request = Request::post(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request: Request<Full<Bytes>> = request.body(Full::from(body.to_string())).unwrap();
    let server = Upstream(|| event_stream(Scripted::chunks(HELLO)));
    let response = layer.layer(server).oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap();
    let events = recorders.each[0].1.events();
    let EventData::LlmStart(start) = &events[0].data else { panic!("{events:?}") };
    let start = serde_json::to_value(start).unwrap();
    (format!("{start} {events:?}"), start)
}

/// Asserts that a text has no canary, but all that is to be kept.
#[track_caller]
fn assert_covered(text: &str, kept: &[&str]) {
    if let Some(at) = text.find("CANARY") {
        panic!("{}", &text[at.saturating_sub(100)..(at + 40).min(text.len())]);
    }
    for kept in kept {
        assert!(text.contains(kept), "{kept} is not kept: {text}");
    }
}

#[tokio::test]
async fn codex_is_known_by_its_sessions_only() {
    let turn = json!({
        "session_id": "KEPT-s", "thread_id": "KEPT-th", "turn_id": "KEPT-tu", "parent_turn_id": "KEPT-p",
        "window_id": "KEPT-w:1", "thread_source": "user", "installation_id": "CANARY", "cwd": "/CANARY",
        "workspaces": {"/home/CANARY/src": {"associated_remote_urls": {"origin": "git@h:CANARY/x.git"},
            "latest_git_commit_hash": "CANARY", "has_changes": true}},
    })
    .to_string();
    let body = json!({
        "model": "gpt", "stream": true, "prompt_cache_key": "KEPT-cache",
        "input": [{"role": "user", "content": "Hi"}],
        "client_metadata": {
            "session_id": "KEPT-session", "thread_id": "KEPT-thread", "turn_id": "KEPT-turn",
            "x-codex-window-id": "KEPT-window", "x-codex-installation-id": "CANARY", "x-openai-subagent": "review",
            "x-codex-turn-metadata": turn,
        },
    });
    let headers = [
        ("session-id", "KEPT-header-session"),
        ("thread-id", "KEPT-header-thread"),
        ("x-client-request-id", "KEPT-header-request"),
        ("x-codex-window-id", "KEPT-header:1"),
        ("x-codex-installation-id", "CANARY"),
        ("chatgpt-account-id", "CANARY"),
        ("x-codex-turn-metadata", &*turn),
        ("sec-websocket-protocol", "realtime, openai-insecure-api-key.CANARY"),
    ];
    let (text, start) = records("/v1/responses", &body, &headers).await;
    let kept = "KEPT-session KEPT-thread KEPT-turn KEPT-window KEPT-cache KEPT-s KEPT-th KEPT-tu KEPT-w:1 \
        KEPT-header-session KEPT-header-thread KEPT-header-request KEPT-header:1 review";
    assert_covered(&text, &kept.split_whitespace().collect::<Vec<_>>());
    let headers = &start["http"]["headers"];
    let turn: Value =
        serde_json::from_str(headers["x-codex-turn-metadata"].as_str().unwrap()).unwrap();
    assert_eq!(turn["turn_id"], "KEPT-tu");
}

#[tokio::test]
async fn the_session_of_claude_code_is_kept() {
    let id = "3f2b8c5e-1d2f-4a6b-9c0d-5e6f7a8b9c0d";
    for user in [
        json!({"device_id": "CANARY", "account_uuid": "CANARY", "session_id": id}).to_string(),
        json!({"deviceId": "CANARY", "session_id": id, "email": "CANARY@example.com", "extra": "CANARY"}).to_string(),
        format!("user_{}_account_CANARY_session_{id}", "CANARY".repeat(9)),
        format!("user_CANARY_account__session_{id}"),
    ] {
        for body in [
            json!({"metadata": {"user_id": user}}),
            json!({"extra_body": {"metadata": {"user_id": user}}}),
            json!({"user": user}),
        ] {
            let (text, _) = records("/v1/messages", &body, &[]).await;
            assert_covered(&text, &[id]);
        }
    }
    let object =
        json!({"device_id": "CANARY", "account": {"uuid": "CANARY", "n": 12}, "session_id": id});
    let (text, _) = records("/v1/messages", &json!({"metadata": {"user_id": object}}), &[]).await;
    assert_covered(&text, &[id]);
    for user in
        ["CANARY", "user_CANARY", "{\"user_id\":\"CANARY", "CANARY@example.com", "session_CANARY"]
    {
        let (text, _) = records("/v1/messages", &json!({"metadata": {"user_id": user}}), &[]).await;
        assert_covered(&text, &[]);
    }
}

#[tokio::test]
async fn persons_and_machines_are_covered_in_every_place() {
    let nested =
        json!({"user": {"email": "CANARY", "session_id": "KEPT-4"}, "topic": "KEPT-5"}).to_string();
    let body = json!({
        "user": "CANARY", "safety_identifier": "CANARY", "endUserId": "CANARY", "session_id": "KEPT-1",
        "metadata": {
            "email": "CANARY", "accountId": 1234567, "user": {"id": "CANARY", "name": "CANARY", "type": "KEPT-2"},
            "conversation_id": "KEPT-3", "note": nested, "path": "/Users/CANARY/src", "mail": "x", "tags": ["CANARY@example.com"],
            "host": "CANARY", "hostname": "CANARY", "repository_url": "https://h/CANARY", "git": {"branch": "CANARY"},
        },
        "requestMetadata": {"userId": "CANARY", "threadId": "KEPT-6"},
        "labels": {"customer-id": "CANARY", "agent_id": "KEPT-7"},
        "tools": [
            {"type": "mcp", "user_id": "CANARY", "headers": {"x-user": "CANARY"}},
            {"type": "function", "function": {"name": "f", "description": "{\"user_id\": \"KEPT-8\"}", "parameters": {
                "type": "object", "properties": {"user_id": {"type": "string", "description": "KEPT-9", "default": "KEPT-10"}},
                "required": ["user_id"]}}},
        ],
        "messages": [
            {"role": "user", "content": "me@KEPT-11.example", "metadata": {"user_id": "CANARY", "turn_id": "KEPT-12"}},
            {"role": "assistant", "content": [{"type": "tool_use", "name": "f", "input": {"user_id": "KEPT-13",
                "metadata": {"user_id": "KEPT-14"}}}]},
        ],
    });
    let headers = [
        ("x-user-id", "CANARY"),
        ("helicone-user-id", "CANARY"),
        ("x-agent-id", "KEPT-15"),
        ("x-litellm-session-id", "KEPT-16"),
        ("cf-aig-metadata", r#"{"_user":"CANARY","trace_id":"KEPT-17","team":"CANARY"}"#),
        ("baggage", "user=CANARY"),
    ];
    let kept: Vec<String> = (1..=17).map(|at| format!("KEPT-{at}")).collect();
    let kept: Vec<&str> = kept.iter().map(|it| &**it).collect();
    let target = "/v1/chat/completions?user_id=CANARY&session_id=x";
    let (text, start) = records(target, &body, &headers).await;
    assert_covered(&text, &kept);
    assert_eq!(start["params"]["metadata"]["accountId"], "[redacted]");
    let schema = &start["params"]["tools"][1];
    assert_eq!(*schema, body["tools"][1], "a schema is unchanged");
}

/// Names that identify a person, and names that identify a session, in all spellings.
fn name() -> impl Strategy<Value = (String, bool)> {
    let person = "user end_user account customer device machine installation host workspace person member employee";
    let session = "session thread conversation turn agent window request trace";
    let subject = prop_oneof![
        proptest::sample::select(person.split(' ').collect::<Vec<_>>()).prop_map(|it| (it, true)),
        proptest::sample::select(session.split(' ').collect::<Vec<_>>()).prop_map(|it| (it, false)),
    ];
    let prefix =
        proptest::sample::select(vec!["", "x", "x_codex", "parent", "my", "user", "session"]);
    let suffix = proptest::sample::select(vec!["id", "uuid", "ids", "identifier", "id_hash"]);
    (prefix, subject, suffix, 0..5_u8).prop_map(|(prefix, (subject, person), suffix, style)| {
        let words = format!("{prefix}_{subject}_{suffix}");
        let words: Vec<&str> = words.split('_').filter(|word| !word.is_empty()).collect();
        let capital = |word: &&str| word[..1].to_uppercase() + &word[1..];
        let name = match style {
            0 => words.join("_"),
            1 => words.join("-"),
            2 => words.join(".").to_uppercase(),
            3 => words.iter().map(capital).collect(),
            _ => words[0].to_owned() + &words[1..].iter().map(capital).collect::<String>(),
        };
        (name, person)
    })
}

/// Wraps a member in places where it may stand.
fn wrapped(name: &str, value: &str, places: &[u8]) -> Value {
    let mut body = json!({ name: value });
    for place in places {
        body = match place {
            0 => json!({ "metadata": body }),
            1 => json!({ "extra": [body] }),
            2 => json!({ "note": body.to_string() }),
            3 => json!({ "client_metadata": {"x-turn-metadata": body.to_string()} }),
            _ => json!({ "labels": {"nested": body} }),
        };
    }
    body
}

proptest! {
    #[test]
    fn a_name_decides_wherever_it_stands(
        (name, is_person) in name(),
        places in proptest::collection::vec(0..5_u8, 0..4),
    ) {
        let value = "VALUE-1234";
        let body = wrapped(&name, value, &places);
        let mut request = ChatRequest::new("m");
        for (name, value) in body.as_object().unwrap() {
            request = request.param(name.clone(), value.clone());
        }
        let start = serde_json::to_string(&request.llm_start().params).unwrap();
        prop_assert_eq!(start.contains(value), !is_person, "{} {}", name, start);
    }
}
