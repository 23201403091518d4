//! What cuts a linger short.

use std::time::Duration;

use support::{
    Faults, Mode,
    schedule::{flushed, wrap},
};
use tokio::{
    task::AbortHandle,
    time::{Instant, sleep},
};
use tower_llm_callbacks::{
    Callbacks, EventKind,
    layer::CallbackService,
    testing::{Recorder, Script, ScriptedModel, assert_promises},
};

use super::{LINGERING, LONG, MS, read_in_task};

/// A run of which tokens gather, and what handled them.
struct Gathered {
    recorder: Recorder,
    callbacks: Callbacks,
    model: CallbackService<ScriptedModel>,
    task: AbortHandle,
}

impl Gathered {
    /// Three tokens, of which at least the last one gathers. Then comes what is given, after a second.
    async fn new(mode: Mode, then: impl FnOnce(Script) -> Script) -> Self {
        let recorder = Recorder::new();
        let handler = mode.handler(recorder.clone()).linger(LONG);
        let callbacks = Callbacks::new().add(handler);
        let script = Script::new().respond().text("a").pause(MS).text("b").pause(MS).text("c");
        let script = then(script.pause(Duration::from_secs(1))).hang();
        let (_, model) = wrap(&callbacks, script);
        let (task, items) = read_in_task(&model);
        sleep(Duration::from_millis(500)).await;
        assert_eq!(items.lock().unwrap().len(), 3);
        assert!(!recorder.text().contains('c'), "{mode:?}: {}", recorder.text());
        Self { recorder, callbacks, model, task }
    }

    async fn within_a_second(&self, condition: impl Fn(&Recorder) -> bool, what: &str) {
        sleep(Duration::from_secs(1)).await;
        assert!(condition(&self.recorder), "{what}: {:?}", self.recorder.kinds());
    }
}

#[tokio::test(start_paused = true)]
async fn ends_cut_a_linger_short() {
    for mode in LINGERING {
        let completes = Gathered::new(mode, |script| script.complete("stop").respond()).await;
        completes.within_a_second(|it| it.terminals().len() == 1, "completed").await;
        assert_eq!(completes.recorder.text(), "abc");

        let fails = Gathered::new(mode, |script| script.fail("scripted")).await;
        fails.within_a_second(|it| it.terminals().len() == 1, "failed").await;

        let dropped = Gathered::new(mode, |script| script).await;
        dropped.task.abort();
        dropped.within_a_second(|it| it.terminals().len() == 1, "dropped").await;
        assert_promises(&dropped.recorder.events());
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_does_not_wait_and_wakes_a_thread_for_all() {
    for mode in LINGERING {
        let gathered = Gathered::new(mode, |script| script.pause(LONG)).await;
        let (other, _) = read_in_task(&gathered.model);
        let is_blocking = !mode.is_async();
        let starts = |it: &Recorder| {
            let kinds = it.kinds();
            let starts = kinds.iter().filter(|kind| **kind == EventKind::LlmStart).count();
            starts == 2 && (!is_blocking || it.run(it.run_ids()[0]).len() == 4)
        };
        gathered.within_a_second(starts, "started").await;
        gathered.task.abort();
        other.abort();
        flushed(&gathered.callbacks).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_flush_does_not_wait_for_a_linger() {
    for mode in LINGERING {
        let gathered = Gathered::new(mode, |script| script.pause(LONG)).await;
        let before = Instant::now();
        flushed(&gathered.callbacks).await;
        assert!(before.elapsed() < 10 * MS, "{mode:?} {:?}", before.elapsed());
        assert_eq!(gathered.recorder.text(), "abc", "{mode:?}");
        gathered.task.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_fills_cuts_a_linger_short() {
    for mode in LINGERING {
        for (capacity, most) in [(1, 1), (8, 4), (256, 64), (1024, 64)] {
            let recorder = Recorder::new();
            let handler = mode.handler(recorder.clone()).linger(LONG).capacity(capacity);
            let callbacks = Callbacks::new().add(handler);
            let script =
                (0..200).fold(Script::new().respond(), |script, _| script.text("a").pause(MS));
            let (_, model) = wrap(&callbacks, script.hang());
            let (task, items) = read_in_task(&model);
            // One by one: what was there before must not be gathered after it.
            for emitted in 1..=200 {
                sleep(MS).await;
                assert_eq!(items.lock().unwrap().len(), emitted, "the stream waits");
                let waiting = callbacks.stats()[0].undelivered_events;
                assert!(waiting < most, "{mode:?} {capacity}: {waiting} events wait");
            }
            assert!(recorder.text().len() > 200 - most as usize);
            assert_eq!(callbacks.stats()[0].dropped_tokens, 0);
            task.abort();
            flushed(&callbacks).await;
        }
    }
}

/// The deadline begins when the handler has to begin.
#[tokio::test(start_paused = true)]
async fn a_linger_longer_than_the_deadline_detaches_no_handler() {
    for mode in LINGERING {
        let (recorder, faults) = (Recorder::new(), Faults::default());
        let handler = mode.handler(recorder.clone()).linger(LONG).deadline(20 * MS);
        let callbacks = Callbacks::new().on_fault(faults.hook()).add(handler);
        let script = Script::new().respond().text("a").pause(MS).text("b");
        let (_, model) = wrap(&callbacks, script.pause(Duration::from_secs(5)).complete("stop"));
        let (_, _) = read_in_task(&model);
        sleep(Duration::from_secs(6)).await;
        if !mode.is_async() {
            // Its deadline is that of the system's clock.
            std::thread::sleep(100 * MS);
        }
        flushed(&callbacks).await;
        faults.none();
        assert_eq!((recorder.text(), recorder.terminals().len()), ("ab".to_owned(), 1));
    }
}
