//! Promises 1, 2 and 5 in random schedules: whatever handlers, model and consumer do, every handler that was
//! not detached sees start, tokens and one terminal. Every other handler sees a prefix of them and has one
//! fault. Handlers linger and take batches, or not. The same holds for a typed model call, for a streaming run and for an HTTP
//! response, and for those that are read to their end after their consumer has dropped them.

use std::{
    collections::{HashMap, HashSet},
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::{FutureExt, Stream, StreamExt, stream};
use http::Response;
use http_body::{Body, Frame};
use http_body_util::{BodyExt, StreamBody};
use support::{
    Mode, PATIENCE,
    http::{HELLO, STOP, event_stream, prompt, text_event},
    quiet_panics, request,
    schedule::{Gate, Waiter},
};
use tokio::{
    runtime::Builder,
    time::{sleep, timeout},
};
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_llm_callbacks::{
    Abort, AsyncCallbackHandler, CallbackHandler, CallbackLayer, Callbacks, Delivery, Delta, Event,
    Fault, FaultKind, HttpCallbackLayer, ProviderError, Run, RunConfig, RunLayer,
    callbacks::Overflow,
    chat::ChatChunk,
    drain::{DrainLayer, StreamDrainLayer},
    handler::{BatchError, BatchEvent, on_event},
    testing::{Checker, Recorded, Recorder, Script, ScriptedModel, assert_promises},
};
use uuid::Uuid;

const SEEDS: u64 = 1_620;
const RUNS: usize = 3;

/// A small generator of random numbers (splitmix64).
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Temper {
    Fast,
    Slow(Duration),
    Yields(u64),
    /// From the event with this number on.
    Panics(u64),
    Hangs(u64),
}

impl Temper {
    fn random(random: &mut Random, mode: Mode, may_hang: bool) -> Self {
        match random.below(8) {
            0 | 1 => Temper::Slow(Duration::from_micros(random.below(800))),
            2 | 3 => Temper::Yields(random.below(4)),
            4 => Temper::Panics(random.below(12)),
            5 if may_hang && mode != Mode::Inline => Temper::Hangs(random.below(12)),
            _ => Temper::Fast,
        }
    }

    fn may_fail(self) -> bool {
        matches!(self, Temper::Panics(_) | Temper::Hangs(_))
    }
}

/// A handler with a temper, which records whether two events of a run overlap.
#[derive(Clone)]
struct Moody {
    name: String,
    temper: Temper,
    recorder: Recorder,
    inside: Arc<Mutex<HashSet<Uuid>>>,
    overlapped: Arc<AtomicBool>,
    waiter: Waiter,
    /// Takes batches, and returns an error where it would panic.
    batches: bool,
}

struct Inside<'a>(&'a Moody, Uuid);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.inside.lock().unwrap().remove(&self.1);
    }
}

impl Moody {
    fn enter(&self, run: &Run) -> Inside<'_> {
        if !self.inside.lock().unwrap().insert(run.run_id()) {
            self.overlapped.store(true, Ordering::SeqCst);
        }
        Inside(self, run.run_id())
    }
}

impl CallbackHandler for Moody {
    fn on_events(&self, batch: &[BatchEvent<'_>]) -> Result<(), BatchError> {
        if !self.batches {
            return Err(BatchError::one_by_one());
        }
        let runs: HashMap<_, _> = batch.iter().map(|one| (one.run.run_id(), one.run)).collect();
        let _inside: Vec<_> = runs.values().map(|run| self.enter(run)).collect();
        batch.iter().enumerate().try_for_each(|(nth, BatchEvent { run, event, .. })| {
            self.on_one_of_a_batch(run, event).map_err(|error| BatchError::after(nth, error))
        })
    }

    fn on_event(&self, run: &Run, event: &Event) {
        let _inside = self.enter(run);
        CallbackHandler::on_event(&self.recorder, run, event);
        match self.temper {
            Temper::Slow(long) => thread::sleep(long / 4),
            Temper::Yields(times) => (0..times).for_each(|_| thread::yield_now()),
            Temper::Panics(from) if event.seq() >= from => panic!("scripted panic"),
            Temper::Hangs(from) if event.seq() >= from => self.waiter.wait(),
            _ => {}
        }
    }
}

impl Moody {
    /// As `CallbackHandler::on_event`, inside of the run.
    fn on_one_of_a_batch(&self, run: &Run, event: &Event) -> Result<(), BoxError> {
        CallbackHandler::on_event(&self.recorder, run, event);
        match self.temper {
            Temper::Slow(long) => thread::sleep(long / 4),
            Temper::Panics(from) if event.seq() >= from => return Err("scripted failure".into()),
            Temper::Hangs(from) if event.seq() >= from => self.waiter.wait(),
            _ => {}
        }
        Ok(())
    }
}

impl AsyncCallbackHandler for Moody {
    async fn on_event(&self, run: &Run, event: &Event) {
        let _inside = self.enter(run);
        AsyncCallbackHandler::on_event(&self.recorder, run, event).await;
        match self.temper {
            Temper::Slow(long) => sleep(long).await,
            Temper::Yields(times) => {
                for _ in 0..times {
                    tokio::task::yield_now().await;
                }
            }
            Temper::Panics(from) if event.seq() >= from => panic!("scripted panic"),
            Temper::Hangs(from) if event.seq() >= from => self.waiter.passed().await,
            _ => {}
        }
    }
}

fn script(random: &mut Random) -> Script {
    let mut script = Script::new();
    for part in 0..2 {
        for _ in 0..random.below(if part == 0 { 3 } else { 24 }) {
            script = match random.below(10) {
                0 => script.pause(Duration::from_micros(random.below(1_500))),
                1 | 2 => script.yields(),
                _ if part == 1 => script.text(format!("{} ", random.below(1_000))),
                _ => script,
            };
        }
        script = match random.below(12) {
            0 => script.fail("scripted failure"),
            1 => script.provider_error(ProviderError::new("overloaded")),
            2 if random.one_in(2) => script.panic(),
            3 => script.hang(),
            _ if part == 0 => script,
            4 => script, // truncated
            5 => script.complete("stop").text("unobserved").fail("unobserved"),
            _ => script.complete("stop"),
        };
        script = script.respond();
    }
    script
}

/// What the callbacks are attached to.
#[derive(Debug, Clone, Copy)]
enum User {
    Typed,
    Runnable,
    Http,
}

type Items = Pin<Box<dyn Stream<Item = ()> + Send>>;

impl User {
    const ALL: [User; 3] = [User::Typed, User::Runnable, User::Http];

    async fn call(
        self,
        callbacks: Callbacks,
        model: ScriptedModel,
        drains: Drains,
    ) -> Result<Items, BoxError> {
        Ok(match self {
            User::Typed => {
                let service = CallbackLayer::new(callbacks).layer(model);
                let service = drains.streams.layer(service);
                service.oneshot(request()).boxed().await?.map(drop).boxed()
            }
            User::Runnable => {
                let layer = RunLayer::chain("chain").callbacks(callbacks);
                let layer = layer.fold(0, |sum, _: &ChatChunk| *sum += 1);
                let service = drains.streams.layer(layer.layer(model));
                service.oneshot(request()).boxed().await?.map(drop).boxed()
            }
            User::Http => {
                let upstream = service_fn(move |_| over_http(model.clone()));
                let service = HttpCallbackLayer::new(callbacks).layer(upstream);
                let service = drains.bodies.layer(service);
                let body = service.oneshot(prompt()).boxed().await?.into_body();
                body.into_data_stream().map(drop).boxed()
            }
        })
    }
}

/// The answer of a model as Server-Sent Events.
async fn over_http(
    model: ScriptedModel,
) -> Result<Response<impl Body<Data = Bytes, Error = BoxError>>, BoxError> {
    let chunks = model.oneshot(request()).await?.filter_map(async |chunk| match chunk {
        Ok(Delta::Text { text, .. }) => Some(Ok(text_event(&text))),
        Ok(Delta::Finish { .. }) => Some(Ok(STOP.to_owned())),
        Ok(_) => None,
        Err(error) if error.is::<ProviderError>() => {
            let error = r#"{"type":"error","error":{"type":"overloaded_error","message":"no"}}"#;
            Some(Ok(format!("event: error\ndata: {error}\n\n")))
        }
        Err(error) => Some(Err(error)),
    });
    let events = stream::once(async { Ok(HELLO[0].to_owned()) }).chain(chunks);
    let frames = events.map(|event| event.map(|event| Frame::data(Bytes::from(event))));
    Ok(event_stream(StreamBody::new(frames.boxed())))
}

/// Drops the kept run when the consumer is done, however it ends: the run keeps the handler that keeps it.
struct Forget(Arc<Mutex<Option<Run>>>);

impl Drop for Forget {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// The layers that drain dropped answers, or do not.
#[derive(Clone)]
struct Drains {
    streams: StreamDrainLayer,
    bodies: DrainLayer,
}

impl Drains {
    fn random(random: &mut Random) -> Self {
        let time = Duration::from_micros(random.below(8_000));
        let drains = random.below(3) as usize;
        Self {
            streams: StreamDrainLayer::new().max_time(time).max_drains(drains),
            bodies: DrainLayer::new().max_time(time).max_drains(drains),
        }
    }

    async fn flush(&self) {
        assert!(self.streams.flush(PATIENCE).await && self.bodies.flush(PATIENCE).await);
    }
}

/// The answers that their consumers keep, and do not poll again.
type Kept = Arc<Mutex<Vec<Items>>>;

/// Plays a consumer: reads the call, drops it early, keeps it, or aborts it.
async fn consume(
    user: User,
    callbacks: Callbacks,
    model: ScriptedModel,
    mut random: Random,
    kept: Kept,
    drains: Drains,
) {
    let patience = Duration::from_micros(match random.below(4) {
        0 => random.below(4_000),
        _ => 60_000,
    });
    let reads = if random.one_in(3) { random.below(16) } else { u64::MAX };
    let keeps = random.one_in(2);
    let abort = random.one_in(5).then(|| random.below(12));
    let run = Arc::new(Mutex::new(None));
    let _forget = Forget(run.clone());
    let keep = run.clone();
    let keep = Callbacks::new().inline(on_event(move |run, event| {
        if event.kind().is_start() {
            *keep.lock().unwrap() = Some(run.clone());
        }
    }));
    let reading = async {
        let Ok(mut answer) = user.call(callbacks, model, drains).await else { return };
        for n in 0..reads {
            if abort == Some(n)
                && let Some(run) = &*run.lock().unwrap()
            {
                run.abort(Abort::new("scripted abort"));
            }
            if answer.next().await.is_none() {
                break;
            }
            if random.one_in(8) {
                tokio::task::yield_now().await;
            }
        }
        if keeps {
            kept.lock().unwrap().push(answer);
        }
    };
    let _ = timeout(patience, RunConfig::new().callbacks(&keep).scope(reading)).await;
}

/// The kinds of ends and faults that occurred: the schedules must keep covering all of them.
type Tally = Mutex<HashSet<String>>;

fn schedule(seed: u64, tally: &Tally) {
    let mut random = Random(seed);
    let flavour = seed % 3;
    let user = User::ALL[(seed / 3 % 3) as usize];
    // A paused clock stands still while a thread blocks: only tasks may hang there.
    let paused = flavour == 0;
    let runtime = match flavour {
        0 => Builder::new_current_thread().enable_all().start_paused(true).build(),
        1 => Builder::new_current_thread().enable_all().build(),
        _ => Builder::new_multi_thread().worker_threads(2).enable_all().build(),
    }
    .unwrap();
    let gate = Gate::new();
    let faults: Arc<Mutex<Vec<Fault>>> = Arc::default();
    let hook = faults.clone();
    let witness = Recorder::new();
    let mut callbacks = Callbacks::new()
        .on_fault(move |fault| hook.lock().unwrap().push(fault.clone()))
        .inline(witness.clone());
    let mut handlers = Vec::new();
    for number in 0..1 + random.below(4) {
        let mode = Mode::ALL[random.below(7) as usize];
        let may_hang = !paused || matches!(mode, Mode::Async(_));
        let moody = Moody {
            name: format!("{number} {mode:?}"),
            temper: Temper::random(&mut random, mode, may_hang),
            recorder: Recorder::new(),
            inside: Arc::default(),
            overlapped: Arc::default(),
            waiter: gate.waiter(),
            batches: matches!(mode, Mode::Blocking(_)) && random.one_in(2),
        };
        let most = if random.one_in(2) { 4 } else { 64 };
        let capacity = 1 + random.below(most) as usize;
        let mut handler = mode.handler(moody.clone()).name(moody.name.clone()).capacity(capacity);
        let mut drops = matches!(
            mode,
            Mode::Blocking(Delivery::Background) | Mode::Async(Delivery::Background)
        );
        if random.one_in(4) {
            handler = handler.overflow(Overflow::DropTokens);
            drops = mode != Mode::Inline;
        }
        if random.one_in(3) {
            handler = handler.threads(RUNS);
        }
        if random.one_in(2) {
            handler = handler.linger(Duration::from_micros(random.below(3_000)));
        }
        if matches!(moody.temper, Temper::Hangs(_)) {
            handler = handler.deadline(Duration::from_millis(10));
        }
        handler = handler.suspension(None);
        callbacks = callbacks.add(handler);
        handlers.push((moody, drops));
    }
    let scripts: Vec<Script> = (0..RUNS).map(|_| script(&mut random)).collect();
    let kept = Kept::default();
    let drains = Drains::random(&mut random);
    // The runtime is dropped in the middle.
    let ends_early = !paused && random.one_in(5);
    let ends_after = Duration::from_micros(random.below(4_000));
    runtime.block_on(async {
        let tasks: Vec<_> = scripts
            .into_iter()
            .map(|script| {
                let model = ScriptedModel::new(script);
                random.next();
                let (kept, drains) = (Kept::clone(&kept), drains.clone());
                let random = random.clone();
                tokio::spawn(consume(user, callbacks.clone(), model, random, kept, drains))
            })
            .collect();
        if ends_early {
            return sleep(ends_after).await;
        }
        for task in tasks {
            // A panic of the model ends its consumer too.
            let _ = timeout(PATIENCE, task).await.expect("a consumer hangs");
        }
        let report = callbacks.flush(PATIENCE).await;
        assert!(report.is_complete(), "{report:?}");
        // What is kept has ended, if its end was read; the rest ends now.
        drop(std::mem::take(&mut *kept.lock().unwrap()));
        drains.flush().await;
        let report = callbacks.flush(PATIENCE).await;
        assert!(report.is_complete(), "{report:?}");
    });
    drop(gate);
    drop(runtime);
    drop(kept);
    let report = callbacks.flush_blocking(PATIENCE);
    assert!(report.is_complete(), "{report:?}");
    drop(callbacks);
    for (moody, _) in &handlers {
        // A thread that continues without its runtime may take a moment.
        let begun = Instant::now();
        while Arc::strong_count(&moody.inside) > 1 {
            assert!(begun.elapsed() < PATIENCE, "{}: the handler is never dropped", moody.name);
            thread::sleep(Duration::from_millis(1));
        }
    }

    let truth = witness.events();
    assert_promises(&truth);
    assert!(witness.run_ids().len() == RUNS || ends_early);
    let faults = std::mem::take(&mut *faults.lock().unwrap());
    let mut tally = tally.lock().unwrap();
    tally.extend(faults.iter().map(|fault| format!("{:?}", fault.kind)));
    for end in witness.terminals() {
        let end = end.error().map_or("Completed".into(), |error| format!("{:?}", error.kind()));
        tally.insert(format!("{user:?} {end}"));
    }
    drop(tally);
    for (moody, drops) in &handlers {
        check(moody, *drops, ends_early, &truth, &faults);
    }
}

fn by_run(events: Vec<Recorded>) -> HashMap<Uuid, Vec<Recorded>> {
    let mut runs: HashMap<Uuid, Vec<Recorded>> = HashMap::new();
    for event in events {
        runs.entry(event.run_id).or_default().push(event);
    }
    runs
}

fn check(moody: &Moody, drops: bool, ends_early: bool, truth: &[Recorded], faults: &[Fault]) {
    let handler = format!("{} {:?}", moody.name, moody.temper);
    assert!(!moody.overlapped.load(Ordering::SeqCst), "{handler}: two events at once");
    let seen = by_run(moody.recorder.events());
    for (run_id, all) in by_run(truth.to_vec()) {
        let events = seen.get(&run_id).map_or(&[][..], Vec::as_slice);
        let mine: Vec<&Fault> = faults
            .iter()
            .filter(|fault| fault.run_id == run_id && *fault.handler == *moody.name)
            .collect();
        match (moody.temper, mine.as_slice()) {
            (_, []) => {
                assert_promises(events);
                let seqs =
                    |events: &[Recorded]| -> Vec<u64> { events.iter().map(|e| e.seq).collect() };
                let (saw, was) = (seqs(events), seqs(&all));
                if drops {
                    assert!(saw.iter().all(|seq| was.contains(seq)), "{handler}");
                    assert_eq!((saw.first(), saw.last()), (was.first(), was.last()), "{handler}");
                } else {
                    assert_eq!(saw, was, "{handler}");
                }
            }
            (_, [fault]) if fault.kind == FaultKind::RuntimeShutDown => {
                assert!(ends_early && moody.name.contains("Async"), "{handler}: {fault:?}");
                continue;
            }
            (Temper::Panics(from), [fault]) => {
                let failure = if moody.batches { FaultKind::Failed } else { FaultKind::Panicked };
                assert_eq!(fault.kind, failure, "{handler}");
                assert_eq!(events.last().map(|event| event.kind()), fault.event, "{handler}");
                assert!(events.last().unwrap().seq >= from && fault.message.is_some());
            }
            (Temper::Hangs(_), [fault]) => {
                assert_eq!(fault.kind, FaultKind::DeadlineExceeded, "{handler}");
                assert!(fault.lost_events > 0, "{handler}: {fault:?}");
            }
            (_, faults) => panic!("{handler}: {faults:?}"),
        }
        let violations = Checker::new().allow_unfinished().check(events);
        assert!(violations.is_empty(), "{handler}: {violations:?}");
        assert!(moody.temper.may_fail() || mine.is_empty(), "{handler}: {mine:?}");
    }
}

#[test]
fn promises_hold_in_random_schedules() {
    quiet_panics();
    let next = Arc::new(Mutex::new(0..SEEDS));
    let tally = Arc::new(Tally::default());
    // Two at a time: the machine's other load is part of the schedule.
    let workers: Vec<_> = (0..2)
        .map(|_| {
            let (next, tally) = (next.clone(), tally.clone());
            thread::spawn(move || {
                loop {
                    let Some(seed) = next.lock().unwrap().next() else { return };
                    if let Err(payload) =
                        panic::catch_unwind(AssertUnwindSafe(|| schedule(seed, &tally)))
                    {
                        eprintln!("seed {seed}");
                        panic::resume_unwind(payload);
                    }
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().unwrap_or_else(|payload| panic::resume_unwind(payload));
    }
    let mut occurred: Vec<String> = tally.lock().unwrap().drain().collect();
    occurred.sort();
    let faults = ["DeadlineExceeded", "Failed", "Panicked", "RuntimeShutDown"].map(String::from);
    let ends = User::ALL.iter().flat_map(|user| {
        let kinds = ["Aborted", "Cancelled", "Completed", "Panic", "Provider"];
        // The end of a run's stream is its completion, and its errors are its own.
        let others = match user {
            User::Runnable => &["Failed"][..],
            _ => &["Transport", "Truncated"],
        };
        kinds.into_iter().chain(others.iter().copied()).map(move |kind| format!("{user:?} {kind}"))
    });
    let mut expected: Vec<String> = ends.chain(faults).collect();
    expected.sort();
    assert_eq!(occurred, expected);
}
