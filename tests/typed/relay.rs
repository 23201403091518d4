//! Event records of runs elsewhere, replayed to handlers here: the replayed events equal the original JSON
//! lines.

use std::{
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{StreamExt, future::join_all};
use serde_json::{Value, json};
use support::{MODES, PATIENCE, Recorders, everywhere, on_each_runtime};
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt};
use tower_llm_callbacks::{
    Abort, AttemptsLayer, CallbackLayer, Callbacks, Delta, ErrorKind, EventKind, HttpCallbackLayer,
    ProviderError, Registration, RunConfig, RunLayer, ToolCall, Usage,
    chat::{self, ChatRequest},
    emit,
    event::EventRecord,
    handlers::JsonLines,
    on_event, on_event_async, on_llm_start,
    relay::{Relay, Relayed},
    testing::{Recorder, Script, ScriptedModel, assert_promises},
};

/// The written bytes.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn get(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn handler(&self) -> Registration {
        Registration::inline(JsonLines::new(self.clone()))
    }

    /// The lines in an order that does not depend on how runs interleave.
    fn sorted(&self) -> Vec<Value> {
        let mut lines: Vec<Value> =
            self.get().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines.sort_by_key(|line| (line["run_id"].to_string(), line["seq"].as_u64()));
        lines
    }
}

fn answer() -> Script {
    let tool = |arguments: &'static str| Delta::ToolCall {
        choice: 0,
        index: 0,
        id: Some("t1".into()),
        name: Some("look".into()),
        arguments: arguments.into(),
    };
    Script::new()
        .respond()
        .chunk(Delta::Response { id: Some("r1".into()), model: Some("m-1".into()) })
        .chunk(Delta::Reasoning { choice: 0, text: "hm \"é\"\n".into() })
        .text("Hel")
        .text("lo")
        .chunk(tool("{\"at\":"))
        .chunk(tool("1}"))
        .chunk(Delta::Usage { usage: Usage::new(7, 5).cached(2, 1), raw: None })
        .complete("tool_calls")
}

async fn ask(layer: &CallbackLayer, script: Script) {
    let model = layer.layer(ScriptedModel::new(script));
    let request = ChatRequest::new("claude-1").max_tokens(5).user("Hi");
    if let Ok(answer) = model.oneshot(request).await {
        let _ = chat::collect(answer).await;
    }
}

/// Runs of every type that end in every way, with every kind of event.
async fn everything(lines: &Lines) {
    let callbacks = Callbacks::new().add(lines.handler());
    let layer =
        CallbackLayer::new(callbacks.clone()).tags(["a", "b"]).metadata("user", json!({"n": 1}));
    ask(&layer, answer()).await;
    ask(&layer, Script::new().respond().text("a").fail("reset")).await;
    ask(&layer, Script::new().respond().text("a")).await;
    let provider = ProviderError::new("busy").code("overloaded_error").status(529);
    ask(&layer, Script::new().provider_error(provider).respond()).await;
    let mut cancelled = layer.layer(ScriptedModel::new(answer().hang()));
    let mut stream = cancelled.ready().await.unwrap().call(ChatRequest::new("m")).await.unwrap();
    let _ = stream.next().await;
    drop(stream);
    let aborts = on_llm_start(|run, _| {
        run.abort(Abort::new("enough"));
    });
    ask(&CallbackLayer::new(callbacks.clone().inline(aborts)), answer()).await;

    let model = layer.layer(ScriptedModel::new([Script::new().fail("x").respond(), answer()]));
    let retry = tower::retry::RetryLayer::new(Again);
    let mut retried = ServiceBuilder::new().layer(AttemptsLayer::new()).layer(retry).service(model);
    let retried = retried.ready().await.unwrap();
    chat::collect(retried.call(ChatRequest::new("m")).await.unwrap()).await.unwrap();

    let inherited = RunConfig::new().callbacks(&callbacks);
    let tree = async {
        let chain = RunLayer::chain("agent").input(|_: &()| json!({"q": "?"})).run(async {
            ask(&CallbackLayer::new(Callbacks::new()), answer()).await;
            emit("seen", json!([1, null]))?;
            let search = tower::service_fn(|_: ToolCall| async {
                let items = futures::stream::iter([Ok::<_, BoxError>("a"), Err("broken".into())]);
                Ok::<_, BoxError>(items)
            });
            let layer = RunLayer::tool("look")
                .input(|call: &ToolCall| tower_llm_callbacks::RunInput::from(call));
            let layer = layer.fold(String::new(), |sum, item: &&str| sum.push_str(item));
            let mut items =
                layer.layer(search).oneshot(ToolCall::new("call_1", "look", "{}")).await?;
            while items.next().await.is_some() {}
            let found = RunLayer::retriever("search").output(|n: &i32| *n);
            found.run(async { Ok::<_, BoxError>(3) }).await
        });
        chain.await
    };
    inherited.scope(tree).await.unwrap();

    let http = HttpCallbackLayer::new(callbacks);
    let body = r#"{"content":[{"type":"text","text":"Hi"}],"id":"m","usage":{"input_tokens":1,"output_tokens":2}}"#;
    let service = http.layer(tower::service_fn(move |_| async move {
        let response = http::Response::builder().header("request-id", "req_1");
        Ok::<_, std::convert::Infallible>(response.body(body.to_owned()).unwrap())
    }));
    let request = http::Request::post("/v1/messages").body(r#"{"model":"c"}"#.to_owned()).unwrap();
    let response = service.oneshot(request).await.unwrap();
    http_body_util::BodyExt::collect(response.into_body()).await.unwrap();
}

#[derive(Clone)]
struct Again;

impl<S> tower::retry::Policy<ChatRequest, S, BoxError> for Again {
    type Future = std::future::Ready<()>;

    fn retry(
        &mut self,
        _: &mut ChatRequest,
        result: &mut Result<S, BoxError>,
    ) -> Option<Self::Future> {
        result.is_err().then(|| std::future::ready(()))
    }

    fn clone_request(&mut self, request: &ChatRequest) -> Option<ChatRequest> {
        Some(request.clone())
    }
}

fn read(line: &str) -> EventRecord {
    EventRecord::from_json(line.as_bytes()).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[tokio::test]
async fn replayed_events_equal_the_originals() {
    let here = Lines::default();
    everything(&here).await;
    let kinds: std::collections::BTreeSet<_> =
        here.get().iter().map(|line| read(line).kind().as_str()).collect();
    assert_eq!(kinds.len(), 12, "all but tool_end, chain_error and retriever_error: {kinds:?}");

    let there = Lines::default();
    let recorder = Recorder::new();
    let relay = Relay::new(Callbacks::new().add(there.handler()).async_handler(recorder.clone()));
    for line in here.get() {
        assert_eq!(relay.deliver(read(&line)).await, Relayed::Delivered);
    }
    assert_eq!(relay.open_runs(), 0);
    assert_eq!(there.sorted(), here.sorted());
    assert_promises(&recorder.events());
}

/// Records may be repeated, also after the end and interleaved with those of other runs.
#[test]
fn a_repeated_record_is_a_duplicate() {
    everywhere(|recorders| async move {
        let here = Lines::default();
        everything(&here).await;
        let relay = Relay::new(recorders.callbacks.clone());
        let lines = here.get();
        let mut results = Vec::new();
        for (at, line) in lines.iter().enumerate() {
            results.push(relay.deliver(read(line)).await);
            let again = &lines[at / 2..=at];
            for line in again {
                assert_eq!(relay.deliver(read(line)).await, Relayed::Duplicate);
            }
        }
        assert!(results.iter().all(|result| *result == Relayed::Delivered));
        assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
        recorders.faults.none();
        for (mode, recorder) in &recorders.each {
            assert_promises(&recorder.events());
            assert_eq!(recorder.events().len(), lines.len(), "{mode:?}");
        }
    });
}

/// Runs are replayed concurrently, each in order: a slow handler in one does not delay others.
#[test]
fn runs_are_replayed_concurrently() {
    on_each_runtime(|| async {
        let here = Lines::default();
        for _ in 0..20 {
            everything(&here).await;
        }
        let mut runs: Vec<(uuid::Uuid, Vec<EventRecord>)> = Vec::new();
        for record in here.get().iter().map(|line| read(line)) {
            match runs.iter_mut().find(|(id, _)| *id == record.run_id) {
                Some((_, records)) => records.push(record),
                None => runs.push((record.run_id, vec![record])),
            }
        }
        let recorders = Recorders::new(&MODES);
        let relay = Relay::new(recorders.callbacks.clone());
        let deliver = runs.iter().map(|(_, records)| async {
            for record in records.clone() {
                assert_eq!(relay.deliver(record).await, Relayed::Delivered);
            }
        });
        join_all(deliver).await;
        assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
        recorders.faults.none();
        for (_, recorder) in &recorders.each {
            assert_promises(&recorder.events());
            assert_eq!(recorder.terminals().len(), runs.len());
        }
    });
}

#[tokio::test]
async fn records_without_their_start_are_not_delivered() {
    let here = Lines::default();
    ask(&CallbackLayer::new(Callbacks::new().add(here.handler())), answer()).await;
    let recorder = Recorder::new();
    let relay = Relay::new(Callbacks::new().inline(recorder.clone()));
    for line in &here.get()[1..] {
        assert_eq!(relay.deliver(read(line)).await, Relayed::NoStart);
    }
    assert!(recorder.events().is_empty());
    // Once the start arrives, every event is delivered.
    for line in here.get() {
        assert_eq!(relay.deliver(read(&line)).await, Relayed::Delivered);
    }
    assert_promises(&recorder.events());
}

/// The delivery of an end returns once the end is handled. A handler that hangs is detached.
#[tokio::test(start_paused = true)]
async fn awaited_handlers_are_awaited_up_to_their_deadline() {
    let here = Lines::default();
    ask(&CallbackLayer::new(Callbacks::new().add(here.handler())), answer()).await;
    let slow = Recorder::new();
    let slow_handler = {
        let slow = slow.clone();
        on_event_async(move |run, event| {
            let slow = slow.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                tower_llm_callbacks::CallbackHandler::on_event(&slow, &run, &event);
            }
        })
    };
    let hangs = on_event_async(|_, _| std::future::pending());
    let faults = Arc::new(Mutex::new(0));
    let count = Arc::clone(&faults);
    let callbacks = Callbacks::new()
        .on_fault(move |_| *count.lock().unwrap() += 1)
        .async_handler(slow_handler)
        .add(Registration::async_handler(hangs).deadline(Duration::from_secs(1)));
    let relay = Relay::new(callbacks);
    for line in here.get() {
        assert_eq!(relay.deliver(read(&line)).await, Relayed::Delivered);
    }
    assert_eq!(slow.terminals().len(), 1, "the last delivery waits for the slow handler");
    assert_eq!(*faults.lock().unwrap(), 1);
}

#[test]
fn a_run_without_its_end_is_ended_here() {
    for silent in [true, false] {
        everywhere(move |recorders| async move {
            let here = Lines::default();
            everything(&here).await;
            let relay = Relay::new(recorders.callbacks.clone());
            let lines: Vec<_> = here.get();
            let mut open = std::collections::BTreeSet::new();
            for line in &lines {
                let record = read(line);
                if !record.kind().is_terminal() {
                    open.insert(record.run_id);
                    relay.deliver(record).await;
                }
            }
            assert_eq!(relay.open_runs(), open.len());
            if silent {
                assert!(relay.end_silent(Duration::from_secs(3600)).is_empty());
                let ended: std::collections::BTreeSet<_> =
                    relay.end_silent(Duration::ZERO).into_iter().collect();
                assert_eq!(ended, open);
                assert_eq!(relay.open_runs(), 0);
                for line in &lines {
                    assert_eq!(relay.deliver(read(line)).await, Relayed::Duplicate);
                }
            }
            drop(relay);
            assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
            for (mode, recorder) in &recorders.each {
                assert_promises_except_results(recorder);
                let ends = recorder.terminals();
                assert_eq!(ends.len(), open.len(), "{mode:?}");
                let kind = ends[0].error().map(|error| error.kind());
                assert_eq!(kind, Some(ErrorKind::Transport));
            }
        });
    }
}

/// Checks the promises, except for results: the sum of the tokens is not known here.
fn assert_promises_except_results(recorder: &Recorder) {
    for run_id in recorder.run_ids() {
        let events = recorder.run(run_id);
        let kinds: Vec<_> = events.iter().map(|event| event.kind()).collect();
        assert!(kinds[0].is_start(), "{kinds:?}");
        assert_eq!(kinds.iter().filter(|kind| kind.is_terminal()).count(), 1, "{kinds:?}");
        assert!(kinds.last().unwrap().is_terminal());
        assert!(events.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    }
}

#[tokio::test]
async fn a_run_elsewhere_cannot_be_aborted_here() {
    let here = Lines::default();
    ask(&CallbackLayer::new(Callbacks::new().add(here.handler())), answer()).await;
    let tried = Arc::new(Mutex::new(Vec::new()));
    let tries = {
        let tried = Arc::clone(&tried);
        on_event(move |run, event| {
            if event.kind() == EventKind::LlmStart {
                let outcome = (run.abort(Abort::new("no")), run.emit("x", 1).is_err());
                tried.lock().unwrap().push((outcome, run.has_ended()));
            }
        })
    };
    let relay = Relay::new(Callbacks::new().inline(tries));
    for line in here.get() {
        relay.deliver(read(&line)).await;
    }
    assert_eq!(*tried.lock().unwrap(), [((false, true), true)]);
}

#[test]
fn an_invalid_record_is_reported_without_quoting_it() {
    let line = r#"{"v":1,"event":"custom","run_id":"01919a2c-0000-7000-8000-000000000001","parent_run_id":null,"trace_id":"01919a2c-0000-7000-8000-000000000001","seq":3,"time":"2026-11-22T08:00:00.123456Z","run_type":"chain","name":"CANARY","attempt":1,"tags":[],"metadata":{},"data":{"name":"CANARY","value":3},"later":1}"#;
    assert_eq!(&*read(line).name, "CANARY");
    for (from, to, expected) in [
        ("\"v\":1", "\"v\":3", "version 3, where 1 to 2 are supported"),
        ("custom\"", "CANARY\"", "`event` is not the name of an event"),
        ("2026-11", "CANARY", "`time` is not an RFC 3339 timestamp"),
        ("\"v\":1", "\"v\":2", "`root_run_id` is not a UUID"),
        ("\"chain\"", "\"CANARY\"", "wrong type"),
        ("\"seq\":3,", "", "missing"),
        ("{\"name\":\"CANARY\",", "{", "missing"),
        ("{\"v\"", "CANARY", "JSON"),
    ] {
        let error = EventRecord::from_json(line.replacen(from, to, 1).as_bytes()).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(expected) && !text.contains("CANARY"), "{text}");
    }
}

/// The ids of a distributed trace survive the way through records and a relay, and records of version 1 have none.
#[test]
fn trace_ids_pass_through_records() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let line = format!(
        r#"{{"v":2,"event":"chain_start","run_id":"01919a2c-0000-7000-8000-000000000001","parent_run_id":null,"root_run_id":"01919a2c-0000-7000-8000-000000000001","seq":0,"time":"2026-11-22T08:00:00.123456Z","run_type":"chain","name":"a","attempt":1,"trace_id":"{TRACE}","span_id":"00f067aa0ba902b7","tags":[],"metadata":{{}},"data":{{}}}}"#
    );
    for (span, text) in
        [(true, line.clone()), (false, line.replace(r#""span_id":"00f067aa0ba902b7","#, ""))]
    {
        on_each_runtime(move || {
            let text = text.clone();
            async move {
                let records = Arc::new(Mutex::new(Vec::new()));
                let seen = Arc::clone(&records);
                let relay = Relay::new(Callbacks::new().inline(on_event(move |run, event| {
                    seen.lock().unwrap().push(json!(event.record(run)));
                })));
                relay.deliver(read(&text)).await;
                let record = records.lock().unwrap()[0].clone();
                assert_eq!(record["trace_id"], TRACE);
                assert_eq!(record.get("span_id").is_some(), span, "{record}");
                assert_eq!(record["root_run_id"], record["run_id"]);
            }
        });
    }
    let old =
        line.replace(r#""v":2"#, r#""v":1"#).replace(TRACE, "01919a2c-0000-7000-8000-00000000000f");
    let old = read(&old.replace("root_run_id", "later"));
    assert_eq!((old.root_run_id.as_u128() & 0xF, old.trace_id), (0xF, None));
}
