//! Tool calls of the Model Context Protocol over HTTP.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use support::http::{Scripted, Upstream, event_stream, json as answer};
use support::recordings;
use tower::Layer;
use tower_llm_callbacks::{
    Callbacks, ContentCapture, ErrorKind, EventData, EventKind, HttpCallbackLayer, RunConfig,
    RunType,
    testing::{Recorded, Recorder, assert_promises},
};

const CALL: &str = r#"{"jsonrpc":"2.0","id":"a7","method":"tools/call","params":{"name":"get_weather",
    "arguments":{"city":"Paris","api_key":"CANARY"},
    "_meta":{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
             "claudecode/toolUseId":"toolu_1"}}}"#;
const RESULT: &str =
    r#"{"jsonrpc":"2.0","id":"a7","result":{"content":[{"type":"text","text":"18 °C"}]}}"#;

fn request(body: &str) -> Request<Full<Bytes>> {
    let request = Request::post("/mcp").header("mcp-session-id", "s-1");
    let request = request.header("mcp-protocol-version", "2025-11-25");
    request.body(Full::from(body.to_owned())).unwrap()
}

/// Returns what is observed of a request and its answer.
async fn observed<B: http_body::Body>(
    change: fn(HttpCallbackLayer) -> HttpCallbackLayer,
    request: Request<B>,
    answered: http::Response<Scripted>,
) -> (Vec<Recorded>, HttpCallbackLayer) {
    let recorder = Recorder::new();
    let layer = change(HttpCallbackLayer::new(Callbacks::new().inline(recorder.clone())));
    let response = layer.layer(Upstream(move || answered.clone())).oneshot(request).await.unwrap();
    let _ = response.into_body().collect().await;
    let events = recorder.events();
    assert_promises(&events);
    (events, layer)
}

fn whole(body: &str) -> http::Response<Scripted> {
    answer(200, Scripted::chunks([body.to_owned()]))
}

#[tokio::test]
async fn a_call_is_a_tool_run() {
    let events = format!(
        ": ping\n\nid: 1\ndata:\n\nevent: message\ndata: {}\n\ndata: {}\n\ndata: {RESULT}\n\n",
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}"#,
        r#"{"jsonrpc":"2.0","id":"a7","method":"sampling/createMessage","params":{}}"#,
    );
    let cut: Vec<Bytes> = events.as_bytes().chunks(3).map(Bytes::copy_from_slice).collect();
    for answered in [whole(RESULT), event_stream(Scripted::chunks(cut))] {
        let (events, _) = observed(|layer| layer, request(CALL), answered).await;
        assert_eq!(
            events.iter().map(Recorded::kind).collect::<Vec<_>>(),
            [EventKind::RunStart(RunType::Tool), EventKind::RunEnd(RunType::Tool)]
        );
        let EventData::RunStart(_, input) = &events[0].data else { panic!("{events:?}") };
        assert_eq!(input.input.as_ref().unwrap()["city"], "Paris");
        assert_eq!(input.tool_call_id.as_deref(), Some("toolu_1"));
        let EventData::RunEnd(_, output) = &events[1].data else { panic!("{events:?}") };
        let result = json!({"content": [{"type": "text", "text": "18 °C"}]});
        assert_eq!(output.output, Some(result));
        assert_eq!(output.tool_call_id.as_deref(), Some("toolu_1"));
        assert_eq!(events[0].name, "get_weather");
        let metadata = &events[0].metadata;
        assert_eq!(metadata["mcp.method.name"], "tools/call");
        assert_eq!(metadata["mcp.session.id"], "s-1");
        assert_eq!(metadata["mcp.protocol.version"], "2025-11-25");
        assert_eq!(metadata["jsonrpc.request.id"], "a7");
        assert_eq!(metadata["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(!format!("{events:?}").contains("CANARY"));
    }
}

#[tokio::test]
async fn a_tool_or_a_protocol_that_fails_is_an_error() {
    let failed = r#"{"jsonrpc":"2.0","id":"a7","result":{"content":[{"type":"text","text":"no such city"}],"isError":true}}"#;
    let refused = r#"{"jsonrpc":"2.0","id":"a7","error":{"code":-32602,"message":"Unknown tool"}}"#;
    for (body, code, message, output) in
        [(failed, "tool_error", "no such city", true), (refused, "-32602", "Unknown tool", false)]
    {
        let (events, _) = observed(|layer| layer, request(CALL), whole(body)).await;
        let EventData::RunError(RunType::Tool, error) = &events[1].data else {
            panic!("{events:?}")
        };
        assert_eq!((error.kind(), error.message()), (ErrorKind::Provider, message));
        assert_eq!(error.provider_code(), Some(code));
        assert_eq!(error.output().is_some_and(|output| output["isError"] == true), output);
    }
    // The client fetches the result.
    let polled = event_stream(Scripted::chunks(["id: 1\nretry: 1000\ndata: \n\n"]));
    let (events, _) = observed(|layer| layer, request(CALL), polled).await;
    let EventData::RunEnd(RunType::Tool, end) = &events[1].data else { panic!("{events:?}") };
    assert_eq!(end.output, None);
    let without_end = event_stream(Scripted::chunks(["data: {}\n\n"]));
    let (events, _) = observed(|layer| layer, request(CALL), without_end).await;
    assert_eq!(events[1].error().unwrap().kind(), ErrorKind::Truncated);
    let off = |layer: HttpCallbackLayer| layer.content(ContentCapture::Off);
    let (events, _) = observed(off, request(CALL), whole(failed)).await;
    let all = format!("{events:?}");
    assert!(!all.contains("no such city") && !all.contains("Paris"), "{all}");
}

#[tokio::test]
async fn the_headers_of_the_last_revision_name_the_call() {
    // The body is longer than what is captured.
    let body = Scripted::chunks([r#"{"params":{"arguments":{"text":"Pa"#, r#"ris"}},"id":1}"#]);
    let request = Request::post("/mcp").header("mcp-method", "tools/call");
    let request = request.header("mcp-name", "get_weather").body(body).unwrap();
    let small = |layer: HttpCallbackLayer| layer.max_request_bytes(10);
    let (events, _) = observed(small, request, whole(RESULT)).await;
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].name, "get_weather");
}

#[tokio::test]
async fn other_methods_are_counted() {
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let own = r#"{"jsonrpc":"2.0","id":1,"method":"SECRET/method"}"#;
    let response = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    let batch = format!("[{CALL},{}]", list);
    for (body, pattern) in [
        (list, "tools/list"),
        (own, "other method"),
        (response, "no method"),
        (&*batch, "batch"),
        ("no JSON", "no method"),
    ] {
        let (events, layer) = observed(|layer| layer, request(body), whole(RESULT)).await;
        assert!(events.is_empty(), "{body}");
        let counted = &layer.stats().unobserved;
        assert_eq!((&*counted[0].path, counted[0].requests), (pattern, 1), "{body}");
    }
    // A batch of one request is that request.
    let batch = format!("[{CALL},{}]", r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    let (events, _) = observed(|layer| layer, request(&batch), whole(&format!("[{RESULT}]"))).await;
    assert_eq!(events[1].kind(), EventKind::RunEnd(RunType::Tool));
}

#[tokio::test]
async fn a_name_of_the_caller_stays() {
    let mut named = request(CALL);
    named
        .extensions_mut()
        .insert(RunConfig::new().run_name("weather").metadata("mcp.session.id", "mine"));
    let (events, _) = observed(|layer| layer, named, whole(RESULT)).await;
    assert_eq!(
        (&*events[0].name, &events[0].metadata["mcp.session.id"]),
        ("weather", &json!("mine"))
    );
}

#[tokio::test]
async fn recorded_calls_are_read_as_their_oracle_says() {
    let Some(folder) = recordings::folder() else { return };
    let endpoints = folder.join("endpoints");
    let read = |name: &str| std::fs::read(endpoints.join(name)).unwrap();
    let index: Value = serde_json::from_slice(&read("index.json")).unwrap();
    let oracle: Value = serde_json::from_slice(&read("oracle.json")).unwrap();
    let rows = index.as_array().unwrap().iter().filter(|row| row["endpoint"] == "mcp");
    let mut seen = 0;
    for row in rows {
        let file = row["file"].as_str().unwrap();
        let mut sent = Request::post(row["request_path"].as_str().unwrap());
        for (name, value) in row["request_headers"].as_object().unwrap() {
            sent = sent.header(name, value.as_str().unwrap());
        }
        let sent: Request<Full<Bytes>> =
            sent.body(Full::from(row["request_body"].as_str().unwrap().to_owned())).unwrap();
        let one_byte: Vec<Bytes> = read(file).chunks(1).map(Bytes::copy_from_slice).collect();
        let (events, _) =
            observed(|layer| layer, sent, event_stream(Scripted::chunks(one_byte))).await;
        let expected = &oracle[file];
        if expected["tool"].is_null() {
            assert!(events.is_empty(), "{file}");
        } else {
            assert_eq!(events[0].name, expected["tool"].as_str().unwrap());
            let EventData::RunEnd(_, output) = &events[1].data else { panic!("{events:?}") };
            let output = output.output.as_ref().unwrap();
            assert_eq!(output["content"][0]["text"], expected["content"]);
            assert_eq!(output["isError"], expected["is_error"]);
        }
        seen += 1;
    }
    assert_eq!(seen, 2);
}

#[tokio::test]
async fn a_call_inside_a_run_is_its_child() {
    let recorder = Recorder::new();
    let callbacks = Callbacks::new().inline(recorder.clone());
    let mcp = HttpCallbackLayer::new(callbacks.clone()).layer(Upstream(|| whole(RESULT)));
    let outer = tower_llm_callbacks::RunLayer::chain("agent").callbacks(&callbacks);
    let run = outer.run(async move {
        let response = mcp.oneshot(request(CALL)).await?;
        response.into_body().collect().await?;
        Ok::<_, tower::BoxError>(())
    });
    run.await.unwrap();
    let events = recorder.events();
    assert_eq!(events[1].parent_run_id, Some(events[0].run_id));
}
