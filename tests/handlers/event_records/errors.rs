//! Records of failed calls and of custom events, and gaps for dropped tokens.

use std::sync::{Mutex, mpsc};

use futures::{FutureExt, StreamExt};
use serde_json::{Value, json};
use support::{PATIENCE, call, on_each_runtime, read, runs};
use tower::{Layer, Service, service_fn};
use tower_llm_callbacks::{
    Abort, CallbackLayer, Delta, ProviderError, Registration, Usage,
    event::Truncated,
    on_event,
    testing::{Script, ScriptedModel, Step},
};

use super::{Empty, Records, no_result, request, script, terminal, timeless, tool};

/// The data of an error event: the result and the error.
fn failed(
    mut result: Value,
    kind: &str,
    message: &str,
    status: Option<u16>,
    code: Option<&str>,
) -> Value {
    result["error"] = json!({"kind": kind, "message": message, "status": status, "provider_code": code, "retry_after_ms": null});
    result
}

/// A stream cut short after two texts and a part of a tool call, and its result.
fn partial() -> (Script, Value) {
    let texts = [Delta::text("a"), Delta::text("b")];
    let usage = Delta::Usage { usage: Usage::new(7, 1), raw: None };
    let script = script(texts.into_iter().chain([usage, tool(0, Some("t1"), "{\"at\":")]));
    let mut result = no_result();
    result["choices"] = json!([{
        "index": 0, "text": "ab", "reasoning": "", "refusal": "", "finish_reason": null,
        "tool_calls": [{"id": "t1", "name": "look", "arguments": "{\"at\":"}],
    }]);
    result["usage"] = json!({"input_tokens": 7, "output_tokens": 1, "total_tokens": 8,
                             "cache_read_tokens": null, "cache_write_tokens": null, "reasoning_tokens": null,
                             "source": {"input": "reported", "output": "reported_so_far"}});
    result["tokens"] = 3.into();
    (script, result)
}

fn overloaded() -> ProviderError {
    ProviderError::new("come back later").code("overloaded_error").status(529).request_id("req_1")
}

#[test]
fn errors_before_the_response() {
    on_each_runtime(|| async {
        let (kind, code) = ("provider", Some("overloaded_error"));
        let mut expected = failed(no_result(), kind, "come back later", Some(529), code);
        expected["error"]["request_id"] = "req_1".into();
        assert_eq!(terminal(Script::new().provider_error(overloaded()).respond()).await, expected);
        assert_eq!(
            terminal(Script::new().fail("reset by peer").respond()).await,
            failed(no_result(), "transport", "reset by peer", None, None)
        );
    });
}

#[test]
fn errors_in_the_stream() {
    on_each_runtime(|| async {
        let (script, result) = partial();
        let error = ProviderError::new("come back later");
        let expected = failed(result.clone(), "provider", "come back later", None, None);
        assert_eq!(terminal(script.clone().provider_error(error.clone())).await, expected);
        assert_eq!(terminal(script.clone().chunk(Delta::Error(error))).await, expected);
        assert_eq!(
            terminal(script.clone().fail("reset by peer")).await,
            failed(result.clone(), "transport", "reset by peer", None, None)
        );
        let message = "the stream ended without the protocol's end mark";
        assert_eq!(terminal(script).await, failed(result, "truncated", message, None, None));
    });
}

/// Streams and futures dropped by the consumer, and a panic.
#[test]
fn dropped_and_panicked_calls() {
    on_each_runtime(|| async {
        let (script, result) = partial();
        let records = Records::default();
        let mut model = records.layer().layer(ScriptedModel::new(script.clone().hang()));
        let mut stream = call(&mut model).await.unwrap();
        assert_eq!(read((&mut stream).take(4)).await.0.len(), 4);
        drop(stream);
        let message = "the call was dropped before its end";
        let end = records.take().pop().unwrap();
        assert_eq!(end["seq"], 4);
        assert_eq!(timeless(end), failed(result.clone(), "cancelled", message, None, None));
        drop(model.call(request()));
        let end = records.take().pop().unwrap();
        assert_eq!(timeless(end), failed(no_result(), "cancelled", message, None, None));

        let mut model = records.layer().layer(ScriptedModel::new(script.step(Step::Panic)));
        let reads = async { read(call(&mut model).await.unwrap()).await };
        assert!(std::panic::AssertUnwindSafe(reads).catch_unwind().await.is_err());
        let end = records.take().pop().unwrap();
        assert_eq!(
            timeless(end),
            failed(result, "panic", "the inner service panicked", None, None)
        );
    });
}

#[test]
fn aborted_calls() {
    on_each_runtime(|| async {
        let (script, result) = partial();
        let (records, (handler, runs)) = (Records::default(), runs());
        let layer = CallbackLayer::new(records.callbacks().add(handler)).without_estimates();
        let mut model = layer.layer(ScriptedModel::new(script.hang()));
        for (abort, status) in [
            (Abort::new("enough"), 500),
            (Abort::new("enough").status(http::StatusCode::TOO_MANY_REQUESTS), 429),
        ] {
            let mut stream = call(&mut model).await.unwrap();
            assert_eq!(read((&mut stream).take(4)).await.0.len(), 4);
            runs.lock().unwrap().pop().unwrap().abort(abort);
            assert!(read(stream).await.1.is_some());
            let end = records.take().pop().unwrap();
            let expected = failed(result.clone(), "aborted", "enough", Some(status), None);
            assert_eq!(timeless(end), expected);
        }
    });
}

/// The inner service reports the truncation.
#[test]
fn an_inner_truncated_error_is_truncation() {
    on_each_runtime(|| async {
        let records = Records::default();
        let inner = service_fn(|_| async { Err::<Empty, _>(Truncated::default()) });
        let error = records.layer().layer(inner).call(request()).await.unwrap_err();
        assert!(error.is::<Truncated>());
        let message = "the answer ended without its end mark";
        let end = records.take().pop().unwrap();
        assert_eq!(timeless(end), failed(no_result(), "truncated", message, None, None));
    });
}

#[test]
fn custom_events() {
    on_each_runtime(|| async {
        let (records, (handler, runs)) = (Records::default(), runs());
        let layer = CallbackLayer::new(records.callbacks().add(handler)).without_estimates();
        let mut model = layer.layer(ScriptedModel::new(Script::answer(["a"])));
        let stream = call(&mut model).await.unwrap();
        let run = runs.lock().unwrap().pop().unwrap();
        run.emit("cache", json!({"hit": false, "keys": [1, "b"]})).unwrap();
        run.emit("", Value::Null).unwrap();
        read(stream).await;
        let records = records.take();
        let seen: Vec<_> = records
            .iter()
            .filter(|record| record["event"] == "custom")
            .map(|record| (record["seq"].as_u64().unwrap(), &record["data"]))
            .collect();
        let data = [
            json!({"name": "cache", "value": {"hit": false, "keys": [1, "b"]}}),
            json!({"name": "", "value": null}),
        ];
        assert_eq!(seen, [(1, &data[0]), (2, &data[1])]);
        assert_eq!(records.last().unwrap()["seq"], 4);
    });
}

/// Tokens dropped at a full queue leave gaps in `seq`, and are counted for the handler that missed them.
#[test]
fn dropped_tokens_are_counted_per_handler() {
    on_each_runtime(|| async {
        let (inline, slow) = (Records::default(), Records::default());
        let (let_go, held) = mpsc::channel::<()>();
        let (held, seen) = (Mutex::new(held), slow.clone());
        let holds = on_event(move |run, event| {
            if event.kind().is_start() {
                held.lock().unwrap().recv_timeout(PATIENCE).unwrap();
            }
            seen.note(run, event);
        });
        let holds = Registration::blocking(holds).background().capacity(2);
        let callbacks = inline.callbacks().add(holds);
        let script = Script::answer(["a", "b", "c", "d", "e"]);
        let mut model = CallbackLayer::new(callbacks.clone()).layer(ScriptedModel::new(script));
        read(call(&mut model).await.unwrap()).await;
        let_go.send(()).unwrap();
        assert!(callbacks.flush(PATIENCE).await.is_complete());

        let (mut inline, mut slow) = (inline.take(), slow.take());
        let seqs: Vec<_> = slow.iter().map(|record| record["seq"].as_u64().unwrap()).collect();
        assert_eq!(seqs, [0, 1, 2, 6]);
        let (all, mut some) = (inline.pop().unwrap(), slow.pop().unwrap());
        assert_eq!(
            (&all["data"]["tokens"], &all["data"]["dropped_tokens"]),
            (&json!(5), &json!(0))
        );
        assert_eq!(some["data"]["dropped_tokens"], 3);
        some["data"]["dropped_tokens"] = 0.into();
        assert_eq!(some, all, "everything else is equal, times included");
    });
}
