//! `JsonLines`: one line per event, whatever happens to the writer.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use support::{Faults, PATIENCE, call, on_each_runtime, read, request, runs};
use tokio::task::JoinSet;
use tower::{Layer, Service};
use tower_llm_callbacks::{
    CallbackHandler, CallbackLayer, Callbacks, Delta, Event, EventKind, FaultKind, ProviderError,
    Registration, Run,
    handler::{BatchEvent, on_event},
    handlers::JsonLines,
    testing::{Script, ScriptedModel},
};

/// Callbacks with one `JsonLines` handler.
struct Logged {
    callbacks: Callbacks,
    faults: Faults,
}

impl Logged {
    fn new(lines: JsonLines) -> Self {
        let faults = Faults::default();
        let lines = Registration::blocking(lines).suspension(None);
        Self { callbacks: Callbacks::new().on_fault(faults.hook()).add(lines), faults }
    }

    fn layer(&self) -> CallbackLayer {
        CallbackLayer::new(self.callbacks.clone())
    }

    /// Makes a call and waits until its lines are written.
    async fn run(&self, script: Script) {
        let mut model = self.layer().layer(ScriptedModel::new(script));
        if let Ok(answer) = call(&mut model).await {
            read(answer).await;
        }
        assert!(self.callbacks.flush(PATIENCE).await.is_complete());
    }
}

/// Parses each line as JSON.
#[track_caller]
fn lines(text: &str) -> Vec<Value> {
    assert!(text.is_empty() || text.ends_with('\n'));
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(parse).collect()
}

#[track_caller]
fn lines_of(path: &Path) -> Vec<Value> {
    lines(&fs::read_to_string(path).unwrap())
}

fn events(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["event"].as_str().unwrap()).collect()
}

/// Asserts that each run's records have no gaps, from start to the one terminal.
#[track_caller]
fn assert_complete(lines: &[Value], runs: usize) {
    let mut by_run = BTreeMap::<_, Vec<_>>::new();
    for line in lines {
        by_run.entry(line["run_id"].as_str().unwrap()).or_default().push(line);
    }
    assert_eq!(by_run.len(), runs);
    for lines in by_run.values() {
        let numbers: Vec<_> = lines.iter().map(|line| line["seq"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (0..lines.len() as u64).collect::<Vec<_>>());
        let (last, rest) = lines.split_last().unwrap();
        assert_eq!((&rest[0]["event"], &last["event"]), (&json!("llm_start"), &json!("llm_end")));
        assert!(rest[1..].iter().all(|line| line["event"] == "llm_new_token"));
        assert_eq!(last["data"]["tokens"], json!(rest.len() - 1));
    }
}

/// What a [`Faulty`] does in one write.
#[derive(Clone, Copy)]
enum Act {
    /// Accepts at most this number of bytes.
    Take(usize),
    Interrupt,
    Fail,
    Panic,
}

/// A writer that follows a script, then accepts everything.
#[derive(Clone, Default)]
struct Faulty {
    acts: Arc<Mutex<Vec<Act>>>,
    flush_fails: Arc<Mutex<bool>>,
    writes: Arc<Mutex<Vec<usize>>>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Faulty {
    fn next(&self, acts: impl IntoIterator<Item = Act>) {
        self.acts.lock().unwrap().extend(acts);
    }

    fn text(&self) -> String {
        String::from_utf8(self.written.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Faulty {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut acts = self.acts.lock().unwrap();
        let act = if acts.is_empty() { Act::Take(usize::MAX) } else { acts.remove(0) };
        drop(acts);
        let taken = match act {
            Act::Take(most) => most.min(bytes.len()),
            Act::Interrupt => return Err(io::ErrorKind::Interrupted.into()),
            Act::Fail => return Err(io::Error::other("out of ink")),
            Act::Panic => panic!("a writer's panic"),
        };
        self.writes.lock().unwrap().push(taken);
        self.written.lock().unwrap().extend(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        match std::mem::take(&mut *self.flush_fails.lock().unwrap()) {
            true => Err(io::Error::other("not flushed")),
            false => Ok(()),
        }
    }
}

#[test]
fn each_event_is_one_line() {
    on_each_runtime(|| async {
        let writer = Faulty::default();
        let logged = Logged::new(JsonLines::new(writer.clone()));
        logged.run(Script::answer(["Hi\n", "\u{2028}👋"])).await;
        logged.faults.none();
        let text = writer.text();
        let lines = lines(&text);
        assert_eq!(events(&lines), ["llm_start", "llm_new_token", "llm_new_token", "llm_end"]);
        assert_complete(&lines, 1);
        // Each write has whole lines.
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|end| end.0 + 1);
        let ends: Vec<_> = ends.collect();
        let mut written = 0;
        for write in writer.writes.lock().unwrap().iter() {
            written += write;
            assert!(ends.contains(&written), "a write ends within a line");
        }
    });
}

/// Returns the events of a call, in the order in which they were emitted.
async fn events_of(script: Script) -> Vec<(Run, Event)> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&seen);
    let callbacks = Callbacks::new().inline(on_event(move |run, event| {
        keep.lock().unwrap().push((run.clone(), event.clone()));
    }));
    let mut model = CallbackLayer::new(callbacks).layer(ScriptedModel::new(script));
    read(call(&mut model).await.unwrap()).await;
    std::mem::take(&mut *seen.lock().unwrap())
}

/// Returns the events of two calls of three tokens.
async fn two_runs() -> Vec<(Run, Event)> {
    let script = || Script::answer(["a", "b", "c"]);
    [events_of(script()).await, events_of(script()).await].concat()
}

fn batch(events: &[(Run, Event)]) -> Vec<BatchEvent<'_>> {
    events.iter().map(|(run, event)| BatchEvent::new(run, event)).collect()
}

#[tokio::test]
async fn a_batch_is_one_write() {
    let events = two_runs().await;
    let writer = Faulty::default();
    let handler = JsonLines::new(writer.clone());
    handler.on_events(&batch(&events)).unwrap();
    let text = writer.text();
    assert_eq!(*writer.writes.lock().unwrap(), [text.len()]);
    assert_complete(&lines(&text), 2);
    handler.on_events(&[]).unwrap();
    assert_eq!(writer.writes.lock().unwrap().len(), 1, "no lines are no write");
}

/// Lines of some 100 KiB: a write has no more than it takes to exceed 256 KiB.
#[tokio::test]
async fn a_batch_of_long_lines_is_several_writes() {
    let texts = (0..8).map(|_| "x".repeat(100 << 10));
    let events = events_of(Script::answer(texts)).await;
    let writer = Faulty::default();
    JsonLines::new(writer.clone()).on_events(&batch(&events[1..9])).unwrap();
    let writes = writer.writes.lock().unwrap().clone();
    let lines: Vec<_> = writes.iter().map(|bytes| bytes / (100 << 10)).collect();
    assert_eq!(lines, [3, 3, 2]);
}

/// What is given again after an error is what was not written.
#[tokio::test]
async fn a_batch_that_is_torn_is_handled_up_to_the_tear() {
    let events = two_runs().await;
    let writer = Faulty::default();
    let handler = JsonLines::new(writer.clone());
    let expected = {
        handler.on_events(&batch(&events)).unwrap();
        writer.text()
    };
    let ends: Vec<_> = expected.split_inclusive('\n').map(str::len).collect();
    for (whole, part) in [(0, 0), (0, 5), (3, 0), (3, 1), (9, 7)] {
        let writer = Faulty::default();
        let handler = JsonLines::new(writer.clone());
        let taken = ends[..whole].iter().sum::<usize>() + part;
        // A write of nothing is an error too.
        let first = if taken > 0 { vec![Act::Take(taken)] } else { Vec::new() };
        writer.next(first.into_iter().chain([Act::Fail]));
        let error = handler.on_events(&batch(&events)).unwrap_err();
        assert_eq!(error.to_string(), format!("writer: out of ink (after {whole} events)"));
        handler.on_events(&batch(&events[whole..])).unwrap();
        let text = writer.text();
        let torn = usize::from(part > 0);
        let mut all: Vec<_> = text.lines().collect();
        assert_eq!(all.len(), events.len() + torn);
        all.drain(whole..whole + torn);
        // The tokens' times are those of writing: an inline handler has seen them.
        let numbers = |all: &[Value]| -> Vec<_> {
            all.iter().map(|line| (line["run_id"].clone(), line["seq"].clone())).collect()
        };
        let all: String = all.iter().map(|line| format!("{line}\n")).collect();
        assert_eq!(numbers(&lines(&all)), numbers(&lines(&expected)));
    }
    // It is unknown how much was written.
    *writer.flush_fails.lock().unwrap() = true;
    let error = handler.on_events(&batch(&events)).unwrap_err();
    assert_eq!(error.to_string(), "writer: not flushed");
}

/// A full disk, in batches: each run has its fault, as without.
#[test]
fn a_failed_write_of_a_batch_detaches_from_one_run() {
    on_each_runtime(|| async {
        let writer = Faulty::default();
        let faults = Faults::default();
        let log = Registration::blocking(JsonLines::new(writer.clone())).suspension(None);
        let log = log.linger(Duration::from_millis(3));
        let logged =
            Logged { callbacks: Callbacks::new().on_fault(faults.hook()).add(log), faults };
        writer.next((0..4).map(|_| Act::Take(usize::MAX)).chain([Act::Take(9), Act::Fail]));
        let mut calls = JoinSet::new();
        for _ in 0..8 {
            let script = (0..20).fold(Script::new().respond(), |script, _| {
                script.text("a").pause(Duration::from_micros(300))
            });
            let mut model = logged.layer().layer(ScriptedModel::new(script.complete("stop")));
            calls.spawn(async move { read(call(&mut model).await.unwrap()).await });
        }
        calls.join_all().await;
        assert!(logged.callbacks.flush(PATIENCE).await.is_complete());
        let failed = logged.faults.one().run_id.to_string();
        let text = writer.text();
        let whole = text.lines().filter(|line| serde_json::from_str::<Value>(line).is_ok());
        let whole = lines(&whole.map(|line| format!("{line}\n")).collect::<String>());
        let others: Vec<_> = whole.into_iter().filter(|line| line["run_id"] != failed).collect();
        assert_complete(&others, 7);
        assert_eq!(others.len(), 7 * 22);
        let writes = writer.writes.lock().unwrap().len();
        assert!(writes < 7 * 22, "{writes} writes of single lines");
    });
}

#[test]
fn the_shape_of_each_event() {
    on_each_runtime(|| async {
        let writer = Faulty::default();
        let mut logged = Logged::new(JsonLines::new(writer.clone()));
        let (handler, seen) = runs();
        logged.callbacks = logged.callbacks.add(handler);
        let layer = logged.layer().name("joke-bot").tags(["demo"]).metadata("route", "/v1");
        let tool = Delta::ToolCall {
            choice: 0,
            index: 0,
            id: Some("t1".into()),
            name: Some("look".into()),
            arguments: "{}".into(),
        };
        let error = ProviderError::new("Overloaded").code("overloaded_error").status(529);
        let script = Script::new().respond().text("Hi").chunk(tool).provider_error(error);
        let mut model = layer.layer(ScriptedModel::new(script));
        let answer = model.call(request()).await.unwrap();
        let run = seen.lock().unwrap().pop().unwrap();
        run.emit("look", json!({"n": 1})).unwrap();
        read(answer).await;
        assert!(logged.callbacks.flush(PATIENCE).await.is_complete());
        logged.faults.none();

        let all = lines(&writer.text());
        let run = &all[0]["run_id"];
        for (seq, line) in all.iter().enumerate() {
            let mut line = line.clone();
            assert_eq!(line["time"].take().as_str().unwrap().len(), 27);
            let (event, data) = (line["event"].take(), line["data"].take());
            assert!(event.is_string() && data.is_object());
            assert_eq!(
                line,
                json!({"v": 2, "event": null, "run_id": run, "parent_run_id": null,
                    "root_run_id": run, "seq": seq, "time": null, "run_type": "llm",
                    "name": "joke-bot", "attempt": 1, "tags": ["demo"],
                    "metadata": {"route": "/v1"}, "data": null})
            );
        }
        let expected = ["llm_start", "custom", "llm_new_token", "llm_new_token", "llm_error"];
        assert_eq!(events(&all), expected);
        let data: Vec<_> = all.iter().map(|line| &line["data"]).collect();
        assert_eq!(data[0]["messages"], json!([{"role": "user", "content": "Hi"}]));
        assert_eq!(*data[1], json!({"name": "look", "value": {"n": 1}}));
        assert_eq!(*data[2], json!({"index": 0, "choice": 0, "kind": "text", "text": "Hi"}));
        assert_eq!(data[3]["tool_call"], json!({"index": 0, "id": "t1", "name": "look"}));
        assert_eq!(data[4]["choices"][0]["text"], "Hi");
        assert_eq!(
            data[4]["error"],
            json!({"kind": "provider", "message": "Overloaded", "status": 529,
                "provider_code": "overloaded_error", "retry_after_ms": null})
        );
    });
}

#[test]
fn lines_of_concurrent_runs_do_not_mix() {
    on_each_runtime(|| async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        // Two handlers stand for two processes.
        let logs = [JsonLines::open(&path), JsonLines::open(&path)];
        let logs = logs.map(|log| Logged::new(log.unwrap()));
        let mut calls = JoinSet::new();
        for run in 0..20 {
            let texts = (0..30).map(|n| format!("{n}\n").repeat(n * run)).filter(|t| !t.is_empty());
            let script = texts.fold(Script::new().respond(), |script, t| script.text(t).yields());
            let script = script.complete("stop");
            let mut model = logs[run % 2].layer().layer(ScriptedModel::new(script));
            calls.spawn(async move { read(call(&mut model).await.unwrap()).await });
        }
        calls.join_all().await;
        for logged in &logs {
            assert!(logged.callbacks.flush(PATIENCE).await.is_complete());
            logged.faults.none();
        }
        assert_complete(&lines_of(&path), 20);
    });
}

#[test]
fn a_file_is_appended_to_and_can_be_rotated() {
    on_each_runtime(|| async {
        let folder = tempfile::tempdir().unwrap();
        let (path, old) = (folder.path().join("events.jsonl"), folder.path().join("old.jsonl"));
        fs::write(&path, "{\"event\":\"before\"}\n").unwrap();
        let lines = Arc::new(JsonLines::open(&path).unwrap());
        let callbacks = Callbacks::new().blocking(Arc::clone(&lines));
        let logged = Logged { callbacks, faults: Faults::default() };
        logged.run(Script::answer(["Hi"])).await;
        assert_eq!(events(&lines_of(&path)), ["before", "llm_start", "llm_new_token", "llm_end"]);

        fs::rename(&path, &old).unwrap();
        lines.reopen().unwrap();
        logged.run(Script::answer(["Hi"])).await;
        assert_complete(&lines_of(&path), 1);
        assert_eq!(lines_of(&old).len(), 4);

        // As `copytruncate` does.
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
        logged.run(Script::answer(["Hi"])).await;
        assert_complete(&lines_of(&path), 1);

        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(lines.reopen().is_err());
        logged.run(Script::answer(["Hi"])).await;
        assert!(JsonLines::open(&path).is_err());
        JsonLines::stdout().reopen().unwrap();
    });
}

/// A process that could not write a line to its end has left it to the next one.
#[test]
fn a_torn_line_does_not_swallow_the_next_one() {
    on_each_runtime(|| async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        fs::write(&path, "{\"event\":\"before\"}\n{\"ev").unwrap();
        let lines = Arc::new(JsonLines::open(&path).unwrap());
        let callbacks = Callbacks::new().blocking(Arc::clone(&lines));
        let logged = Logged { callbacks, faults: Faults::default() };
        logged.run(Script::answer(["Hi"])).await;
        let text = fs::read_to_string(&path).unwrap();
        let rest = text.strip_prefix("{\"event\":\"before\"}\n{\"ev\n").unwrap();
        assert_eq!(events(&self::lines(rest)), ["llm_start", "llm_new_token", "llm_end"]);

        fs::write(&path, "{").unwrap();
        lines.reopen().unwrap();
        logged.run(Script::answer(["Hi"])).await;
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(self::lines(text.strip_prefix("{\n").unwrap()).len(), 3);
    });
}

/// A pipe has no last line: reading it would take what is another's.
#[cfg(target_os = "linux")]
#[test]
fn a_pipe_is_only_written() {
    on_each_runtime(|| async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.pipe");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).unwrap();
        let reader = std::thread::spawn({
            let path = path.clone();
            move || fs::read_to_string(path).unwrap()
        });
        let logged = Logged::new(JsonLines::open(&path).unwrap());
        logged.run(Script::answer(["Hi"])).await;
        logged.faults.none();
        drop(logged);
        let text = tokio::task::spawn_blocking(|| reader.join().unwrap()).await.unwrap();
        assert_eq!(events(&lines(&text)), ["llm_start", "llm_new_token", "llm_end"]);
    });
}

#[test]
fn a_full_disk_is_a_fault_of_each_run() {
    if !Path::new("/dev/full").exists() {
        println!("skipped: /dev/full is missing");
        return;
    }
    on_each_runtime(|| async {
        let logged = Logged::new(JsonLines::open("/dev/full").unwrap());
        for run in 1..=2 {
            logged.run(Script::answer(["Hi"])).await;
            let faults = logged.faults.all();
            assert_eq!(faults.len(), run);
            let fault = &faults[run - 1];
            assert_eq!((fault.kind, fault.event), (FaultKind::Failed, Some(EventKind::LlmStart)));
            let message = fault.message.as_deref().unwrap();
            assert!(message.starts_with("/dev/full: No space left on device"), "{message}");
            assert!(fault.to_string().contains(message), "the default report has the reason");
        }
    });
}

#[test]
fn a_failed_write_detaches_only_that_run() {
    on_each_runtime(|| async {
        let writer = Faulty::default();
        let logged = Logged::new(JsonLines::new(writer.clone()));
        // The second line is torn.
        let short = [Act::Take(5), Act::Interrupt, Act::Take(usize::MAX)];
        writer.next(short.into_iter().chain([Act::Take(9), Act::Fail]));
        logged.run(Script::answer(["Hi", "there"])).await;
        let fault = logged.faults.one();
        assert_eq!(fault.event, Some(EventKind::LlmNewToken));
        assert_eq!(fault.message.as_deref(), Some("writer: out of ink"));

        // A failed write, one that only ends the torn line, and an empty one.
        for acts in [vec![Act::Fail], vec![Act::Take(1), Act::Fail], vec![Act::Take(0)]] {
            writer.next(acts);
            logged.run(Script::answer(["Hi"])).await;
        }
        assert_eq!(logged.faults.all().len(), 4);
        logged.run(Script::answer(["Hi"])).await;
        assert_eq!(logged.faults.all().len(), 4);

        let text = writer.text();
        let (first, rest) = text.split_once('\n').unwrap();
        let (torn, rest) = rest.split_once('\n').unwrap();
        assert_eq!((lines(&format!("{first}\n")).len(), torn.len()), (1, 9));
        assert_complete(&lines(rest), 1);
    });
}

#[test]
fn a_writer_that_panics_or_fails_to_flush() {
    on_each_runtime(|| async {
        let writer = Faulty::default();
        let logged = Logged::new(JsonLines::new(writer.clone()));
        writer.next([Act::Panic]);
        logged.run(Script::answer(["Hi"])).await;
        assert_eq!(logged.faults.one().message.as_deref(), Some("a writer's panic"));
        *writer.flush_fails.lock().unwrap() = true;
        logged.run(Script::answer(["Hi"])).await;
        let fault = logged.faults.all().pop().unwrap();
        assert_eq!(fault.message.as_deref(), Some("writer: not flushed"));
        logged.run(Script::answer(["Hi"])).await;
        assert_eq!(logged.faults.all().len(), 2);
        // In both cases the amount written is unknown: a blank line is better than a mixed one.
        let text = writer.text();
        let all: Vec<_> = text.lines().filter(|line| !line.is_empty()).collect();
        assert_complete(&lines(&(all[1..].join("\n") + "\n")), 1);
    });
}

#[test]
fn debug_output_has_no_content() {
    assert_eq!(format!("{:?}", JsonLines::stdout()), r#"JsonLines("stdout")"#);
    assert_eq!(format!("{:?}", JsonLines::new(Vec::new())), r#"JsonLines("writer")"#);
}
