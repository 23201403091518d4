//! The official Rust client of the Model Context Protocol, to a server with the HTTP layer and without it.

use axum::{Router, body::Body, routing::post};
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use rmcp::{
    ServiceError, ServiceExt,
    model::CallToolRequestParams,
    transport::{
        StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower_llm_callbacks::{
    Callbacks, EventData, EventKind, HttpCallbackLayer, RunType,
    testing::{Recorder, assert_promises},
};

const SESSION: &str = "session-17";

/// Answers a message of the client.
fn answered(streamed: bool, headers: &HeaderMap, body: &Bytes) -> Response<Body> {
    let message: Value = serde_json::from_slice(body).unwrap();
    let params = &message["params"];
    let method = message["method"].as_str().unwrap();
    if method != "initialize" {
        assert_eq!(headers["mcp-session-id"], SESSION);
    }
    let mut answer = match (method, params["name"].as_str()) {
        ("initialize", _) => json!({"result": {
            "protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}},
            "serverInfo": {"name": "tools", "version": "1"}}}),
        ("tools/list", _) => {
            json!({"result": {"tools": [{"name": "add", "inputSchema": {"type": "object"}}]}})
        }
        ("tools/call", Some("add")) => {
            let sum = params["arguments"]["a"].as_i64().unwrap() + 1;
            let text = json!({"type": "text", "text": format!("é {sum}")});
            json!({"result": {"content": [text], "structuredContent": {"sum": sum}}})
        }
        ("tools/call", Some("fail")) => {
            let text = json!({"type": "text", "text": "no such city"});
            json!({"result": {"content": [text], "isError": true}})
        }
        ("tools/call", _) => json!({"error": {"code": -32602, "message": "Unknown tool"}}),
        _ => {
            let accepted = Response::builder().status(StatusCode::ACCEPTED);
            return accepted.body(Body::empty()).unwrap();
        }
    };
    answer["jsonrpc"] = "2.0".into();
    answer["id"] = message["id"].clone();
    let response = Response::builder().header("mcp-session-id", SESSION);
    let (kind, body) = match streamed && method == "tools/call" {
        true => {
            let progress = json!({"jsonrpc": "2.0", "method": "notifications/message",
                "params": {"level": "info", "data": "at work"}});
            let events =
                format!("id: 1\ndata:\n\ndata: {progress}\n\nevent: message\ndata: {answer}\n\n");
            ("text/event-stream", events)
        }
        false => ("application/json", answer.to_string()),
    };
    response.header("content-type", kind).body(body.into()).unwrap()
}

/// Starts a server. Returns the address of its endpoint.
async fn serve(streamed: bool, layer: Option<HttpCallbackLayer>) -> String {
    let answer =
        move |headers: HeaderMap, body: Bytes| async move { answered(streamed, &headers, &body) };
    let router = Router::new().route("/mcp", post(answer));
    let router = match layer {
        Some(layer) => router.layer(layer),
        None => router,
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// Returns what the client sees of three calls.
async fn called(url: String) -> Vec<Value> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let config = StreamableHttpClientTransportConfig::with_uri(url);
    let client = ().serve(StreamableHttpClientTransport::with_client(http, config)).await.unwrap();
    let mut seen = vec![json!(client.list_tools(None).await.unwrap())];
    for name in ["add", "fail", "none"] {
        let arguments = json!({"a": 17}).as_object().cloned().unwrap();
        let call = CallToolRequestParams::new(name).with_arguments(arguments);
        seen.push(match client.call_tool(call).await {
            Ok(result) => json!(result),
            Err(ServiceError::McpError(error)) => json!(error),
            Err(error) => panic!("{error}"),
        });
    }
    client.cancel().await.unwrap();
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn tool_calls_are_runs_and_pass_unchanged() {
    for streamed in [false, true] {
        let recorder = Recorder::new();
        let layer = HttpCallbackLayer::new(Callbacks::new().inline(recorder.clone()));
        let direct = called(serve(streamed, None).await).await;
        assert_eq!(called(serve(streamed, Some(layer.clone())).await).await, direct);
        assert_eq!(direct[2]["isError"], true);
        assert_eq!(direct[3]["code"], -32602);

        let events = recorder.events();
        assert_promises(&events);
        let tool = RunType::Tool;
        assert_eq!(
            events.iter().map(|event| event.kind()).collect::<Vec<_>>(),
            [
                EventKind::RunStart(tool),
                EventKind::RunEnd(tool),
                EventKind::RunStart(tool),
                EventKind::RunError(tool),
                EventKind::RunStart(tool),
                EventKind::RunError(tool),
            ]
        );
        for (calls, name) in events.chunks(2).zip(["add", "fail", "none"]) {
            assert_eq!(calls[0].name, name);
            assert_eq!(calls[0].metadata["mcp.session.id"], SESSION);
            let EventData::RunStart(_, input) = &calls[0].data else { panic!("{calls:?}") };
            assert_eq!(input.input, Some(json!({"a": 17})));
        }
        let EventData::RunEnd(_, output) = &events[1].data else { panic!("{events:?}") };
        assert_eq!(output.output.as_ref().unwrap()["structuredContent"], json!({"sum": 18}));
        let codes: Vec<_> = [&events[3], &events[5]]
            .map(|event| event.error().unwrap().provider_code().unwrap().to_owned())
            .into();
        assert_eq!(codes, ["tool_error", "-32602"]);
        let counted = layer.stats().unobserved;
        let counted: Vec<&str> = counted.iter().map(|it| &*it.path).collect();
        for method in ["initialize", "notifications/initialized", "tools/list"] {
            assert!(counted.contains(&method), "{counted:?}");
        }
    }
}
