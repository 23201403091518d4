//! Event records: how each event is written outside the process, key by key.

mod errors;
mod starts;

use std::{
    borrow::Cow,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use futures::stream;
use serde_json::{Value, json};
use support::{call, on_each_runtime, read, request, runs};
use tower::{BoxError, Layer, Service};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Delta, Event, Run, RunConfig, Usage,
    chat::{ChatChunk, ChatRequest},
    event::RECORD_VERSION,
    on_event,
    testing::{Script, ScriptedModel},
};
use uuid::Uuid;

/// A stream without items.
type Empty = stream::Empty<Result<ChatChunk, BoxError>>;

/// The records of all events, as seen by an inline handler.
#[derive(Clone, Default)]
struct Records(Arc<Mutex<Vec<Value>>>);

/// The record as it is written straight into a buffer.
fn written(run: &Run, event: &Event) -> String {
    let mut line = b"before".to_vec();
    event.record(run).write_json(&mut line).unwrap();
    String::from_utf8(line).unwrap().strip_prefix("before").unwrap().to_owned()
}

/// A line without the time, which may be the present one.
fn timestamped(line: &str) -> (String, String) {
    let (before, time) = line.split_once(r#""time":""#).unwrap();
    (before.to_owned(), time[time.find('"').unwrap()..].to_owned())
}

impl Records {
    fn note(&self, run: &Run, event: &Event) {
        // Via a string, as for a record that leaves the process.
        let line = serde_json::to_string(&event.record(run)).unwrap();
        assert!(!line.contains('\n'));
        assert_eq!(timestamped(&line), timestamped(&written(run, event)));
        self.0.lock().unwrap().push(serde_json::from_str(&line).unwrap());
    }

    fn callbacks(&self) -> Callbacks {
        let records = self.clone();
        Callbacks::new().inline(on_event(move |run, event| records.note(run, event)))
    }

    fn layer(&self) -> CallbackLayer {
        CallbackLayer::new(self.callbacks()).without_estimates()
    }

    fn take(&self) -> Vec<Value> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// Calls a model that plays a script, reads the answer, and returns the records.
async fn records(script: Script, request: ChatRequest) -> Vec<Value> {
    let records = Records::default();
    let mut model = records.layer().layer(ScriptedModel::new(script));
    if let Ok(stream) = model.call(request).await {
        read(stream).await;
    }
    records.take()
}

/// The data of the terminal record, with times removed.
async fn terminal(script: Script) -> Value {
    timeless(records(script, request()).await.pop().unwrap())
}

/// The data of a terminal record. Its times must be numbers; the time to the first token is null without
/// tokens.
fn timeless(mut record: Value) -> Value {
    let mut data = record["data"].take();
    let (first, all) = (data["time_to_first_token_ms"].take(), data["duration_ms"].take());
    assert!(all.as_f64().is_some_and(|all| first.as_f64().is_none_or(|first| first <= all)));
    assert_eq!(first.is_null(), data["tokens"] == 0, "{first}");
    data
}

/// The result of an answer without content.
fn no_result() -> Value {
    json!({
        "request": {"provider": "unknown", "api": "chat", "model": "any", "stream": true},
        "model": null, "response_id": null, "streamed": true, "choices": [], "usage": null,
        "usage_raw": null, "tokens": 0, "dropped_tokens": 0, "time_to_first_token_ms": null,
        "duration_ms": null, "decode_faults": 0,
    })
}

#[test]
fn common_fields_of_all_records() {
    on_each_runtime(|| async {
        let records = Records::default();
        let layer =
            records.layer().name("joke-bot").tags(["demo"]).metadata("route", "/v1/messages");
        let mut model = layer.layer(ScriptedModel::new(Script::answer(["Hi"])));
        let id: Uuid = "0199a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b".parse().unwrap();
        let config =
            RunConfig::new().run_id(id).tags(["a", "demo"]).metadata("n", json!([1, null]));
        let before = SystemTime::now();
        read(config.scope(call(&mut model)).await.unwrap()).await;
        let after = SystemTime::now();
        let records = records.take();
        assert_eq!(records.len(), 3);
        let events = ["llm_start", "llm_new_token", "llm_end"];
        for (seq, (mut record, event)) in records.into_iter().zip(events).enumerate() {
            let time = record["time"].take();
            let time = time.as_str().unwrap();
            // 2026-11-22T08:00:00.123456Z
            assert_eq!(
                (time.len(), &time[10..11], &time[19..20], &time[26..]),
                (27, "T", ".", "Z")
            );
            let time = humantime::parse_rfc3339(time).unwrap();
            // Records have microseconds.
            assert!(time + Duration::from_micros(1) > before && time <= after);
            assert!(record["data"].take().is_object());
            assert_eq!(
                record,
                json!({
                    "v": 2, "event": event, "run_id": "0199a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b",
                    "parent_run_id": null, "root_run_id": "0199a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b",
                    "seq": seq, "time": null, "run_type": "llm", "name": "joke-bot", "attempt": 1,
                    "tags": ["a", "demo"],
                    "metadata": {"n": [1, null], "route": "/v1/messages"},
                    "data": null,
                })
            );
        }
        assert_eq!(RECORD_VERSION, 2);
    });
}

#[test]
fn a_child_run_without_optional_fields() {
    on_each_runtime(|| async {
        let (records, (handler, runs)) = (Records::default(), runs());
        let layer = CallbackLayer::new(records.callbacks().add(handler));
        let mut model = layer.layer(ScriptedModel::new(Script::answer(["Hi"])));
        read(call(&mut model).await.unwrap()).await;
        let parent = runs.lock().unwrap().pop().unwrap();
        drop(parent.scope(|| model.call(request())));
        let records = records.take();
        let child = &records[3];
        assert_eq!((&child["event"], &child["seq"]), (&json!("llm_start"), &json!(0)));
        assert_eq!(child["parent_run_id"], json!(parent.run_id()));
        assert_eq!(child["root_run_id"], json!(parent.run_id()));
        assert_ne!(child["run_id"], json!(parent.run_id()));
        assert_eq!((&child["name"], &child["tags"]), (&json!("llm"), &json!([])));
        assert_eq!(child["metadata"], json!({}));
    });
}

fn tool(index: u32, id: Option<&'static str>, arguments: &'static str) -> ChatChunk {
    let (id, name) = (id.map(Into::into), id.map(|_| "look".into()));
    Delta::ToolCall { choice: 0, index, id, name, arguments: arguments.into() }
}

/// Tokens of every kind in two choices, between deltas that are not tokens.
fn everything() -> Vec<ChatChunk> {
    vec![
        Delta::Response { id: Some("msg_1".into()), model: Some("m-1".into()) },
        Delta::Usage { usage: Usage::new(17, 1), raw: Some(Cow::Owned(json!({"in": 17}))) },
        Delta::Reasoning { choice: 0, text: "Hm".into() },
        Delta::text("Hel"),
        Delta::text(""),
        Delta::text("lo \u{1F44B}\n"),
        Delta::Refusal { choice: 1, text: "No".into() },
        tool(1, Some("t2"), ""),
        tool(0, Some("t1"), "{\"at\":"),
        tool(0, None, "1}"),
        Delta::DecodeFault,
        Delta::Finish { choice: 1, reason: "refusal".into() },
        Delta::finish("tool_use"),
        Delta::Usage {
            usage: Usage::new(17, 9).cached(3, 2).reasoning(4),
            raw: Some(Cow::Owned(json!({"in": 17, "out": 9}))),
        },
        Delta::Done,
    ]
}

fn whole_result() -> Value {
    json!({
        "request": {"provider": "unknown", "api": "chat", "model": "any", "stream": true},
        "model": "m-1", "response_id": "msg_1", "streamed": true,
        "choices": [
            {"index": 0, "text": "Hello \u{1F44B}\n", "reasoning": "Hm", "refusal": "",
             "tool_calls": [{"id": "t1", "name": "look", "arguments": "{\"at\":1}"},
                            {"id": "t2", "name": "look", "arguments": "{}"}],
             "finish_reason": "tool_use"},
            {"index": 1, "text": "", "reasoning": "", "refusal": "No", "tool_calls": [],
             "finish_reason": "refusal"},
        ],
        "usage": {"input_tokens": 17, "output_tokens": 9, "total_tokens": 26,
                  "cache_read_tokens": 3, "cache_write_tokens": 2, "reasoning_tokens": 4,
                  "source": {"input": "reported", "output": "reported"}},
        "usage_raw": {"in": 17, "out": 9},
        "tokens": 7, "dropped_tokens": 0, "time_to_first_token_ms": null, "duration_ms": null,
        "decode_faults": 1,
    })
}

fn script(chunks: impl IntoIterator<Item = ChatChunk>) -> Script {
    chunks.into_iter().fold(Script::new().respond(), Script::chunk)
}

#[test]
fn records_of_llm_new_token_and_llm_end() {
    on_each_runtime(|| async {
        let mut records = records(script(everything()), request()).await;
        let end = records.pop().unwrap();
        assert_eq!(end["event"], "llm_end");
        assert_eq!(timeless(end), whole_result());

        let token = |index: u64, choice: u32, kind: &str, text: &str| json!({"index": index, "choice": choice, "kind": kind, "text": text});
        let tool_call = |index: u64, text: &str, call: u32, id: &str| {
            let mut token = token(index, 0, "tool_call", text);
            token["tool_call"] = json!({"index": call, "id": id, "name": "look"});
            token
        };
        let tokens: Vec<_> =
            records.split_off(1).iter().map(|record| record["data"].clone()).collect();
        assert_eq!(
            tokens,
            [
                token(0, 0, "reasoning", "Hm"),
                token(1, 0, "text", "Hel"),
                token(2, 0, "text", "lo \u{1F44B}\n"),
                token(3, 1, "refusal", "No"),
                tool_call(4, "", 1, "t2"),
                tool_call(5, "{\"at\":", 0, "t1"),
                tool_call(6, "1}", 0, "t1"),
            ]
        );
    });
}

/// An unstreamed answer has no token events, and the same result.
#[test]
fn an_unstreamed_answer_has_no_tokens() {
    on_each_runtime(|| async {
        let whole = [Delta::NotStreamed].into_iter().chain(everything());
        let mut records = records(script(whole), request()).await;
        assert_eq!(records.len(), 2, "start and end only");
        let mut expected = whole_result();
        expected["streamed"] = false.into();
        expected["tokens"] = 0.into();
        assert_eq!(timeless(records.pop().unwrap()), expected);
    });
}

#[test]
fn an_empty_answer_has_one_empty_choice() {
    on_each_runtime(|| async {
        let choice = json!({"index": 0, "text": "", "reasoning": "", "refusal": "", "tool_calls": [],
                        "finish_reason": null});
        let mut expected = no_result();
        expected["response_id"] = "msg_1".into();
        expected["choices"] = json!([choice]);
        let response = Delta::Response { id: Some("msg_1".into()), model: None };
        assert_eq!(terminal(script([response, Delta::Done])).await, expected);
        expected["response_id"] = Value::Null;
        assert_eq!(terminal(script([Delta::Done])).await, expected);
        expected["choices"][0]["finish_reason"] = "end_turn".into();
        assert_eq!(terminal(script([Delta::finish("end_turn"), Delta::Done])).await, expected);
    });
}
