//! Where a drained call is dropped: in its runtime, outside of it, and after it.

use std::{cell::RefCell, panic::resume_unwind, thread};

use futures::{FutureExt, StreamExt};
use support::{FLAVORS, Flavor, MODES, Recorders, everywhere, panic_of, until_blocking};
use tower_llm_callbacks::{
    ErrorKind,
    drain::DrainStats,
    testing::{Script, assert_promises},
};

use super::{Answer, Drained, answer, assert_whole, finished};

thread_local! {
    static KEPT: RefCell<Option<Answer>> = const { RefCell::new(None) };
}

type DropIt = fn(Answer);

const PLACES: [DropIt; 5] = [
    drop,
    |stream| thread::spawn(move || drop(stream)).join().unwrap(),
    |stream| {
        let keep = move || KEPT.with(|kept| *kept.borrow_mut() = Some(stream));
        thread::spawn(keep).join().unwrap();
    },
    |stream| {
        let other = move || Flavor::Current.runtime().block_on(async move { drop(stream) });
        thread::spawn(other).join().unwrap();
    },
    |stream| {
        let payload = panic_of(move || {
            let _stream = stream;
            resume_unwind(Box::new("the consumer's"));
        });
        assert_eq!(payload.downcast_ref(), Some(&"the consumer's"));
    },
];

#[test]
fn a_call_can_be_dropped_anywhere() {
    for place in PLACES {
        everywhere(move |recorders| async move {
            let drained = Drained::new(recorders, answer());
            let mut stream = drained.call().await.unwrap();
            stream.next().await.unwrap().unwrap();
            place(stream);
            finished(1)(drained.drained().await);
            let end = drained.recorders.ended(Some(ErrorKind::Cancelled)).await;
            assert_whole(end.result().unwrap());
        });
    }
}

/// Waits on this thread until every recorder has its terminal, and checks it.
fn ended(recorders: &Recorders, text: &str) {
    for (mode, recorder) in &recorders.each {
        let lost = || mode.is_async() && !recorders.faults.all().is_empty();
        until_blocking(|| !recorder.terminals().is_empty() || lost());
        if let [end] = &recorder.terminals()[..] {
            assert_promises(&recorder.events());
            assert_eq!(end.error().unwrap().kind(), ErrorKind::Cancelled, "{mode:?}");
            assert_eq!(end.result().unwrap().text(), text, "{mode:?}");
        } else {
            // Its own tasks were dropped with the runtime.
            assert!(mode.is_async(), "{mode:?}");
        }
    }
}

fn without_runtime(drained: &Drained) {
    let stats = drained.drain.stats();
    let none = DrainStats::default();
    assert_eq!((stats.without_runtime, stats.finished), (1, 0), "{stats:?}");
    assert_eq!((stats.active, drained.inner.live()), (none.active, 0));
}

#[test]
fn a_runtime_that_shuts_down_ends_the_drain() {
    for flavor in FLAVORS {
        let hangs = Script::new().respond().text("a").text("b").hang();
        let drained = Drained::new(Recorders::new(&MODES), hangs);
        let runtime = flavor.runtime();
        runtime.block_on(async {
            drained.read_and_drop(1).await;
            let read = || drained.recorders.each[0].1.text() == "ab";
            support::until(read).await;
        });
        assert_eq!((drained.drain.stats().active, drained.inner.live()), (1, 1));
        drop(runtime);
        without_runtime(&drained);
        ended(&drained.recorders, "ab");
    }
}

#[test]
fn a_call_that_is_dropped_after_its_runtime_is_cancelled() {
    for flavor in FLAVORS {
        for items in [0, 1] {
            let drained = Drained::new(Recorders::new(&MODES), answer());
            let runtime = flavor.runtime();
            let mut stream = runtime.block_on(drained.call()).unwrap();
            for _ in 0..items {
                runtime.block_on(stream.next()).unwrap().unwrap();
            }
            drop(runtime);
            drop(stream);
            without_runtime(&drained);
            ended(&drained.recorders, if items == 0 { "" } else { "a" });
        }
    }
}

/// The call is kept by a task, which is dropped with its runtime.
#[test]
fn a_call_that_is_dropped_by_its_runtimes_shutdown_is_cancelled() {
    for flavor in FLAVORS {
        let drained = Drained::new(Recorders::new(&MODES), answer());
        let runtime = flavor.runtime();
        let mut stream = runtime.block_on(drained.call()).unwrap();
        runtime.block_on(stream.next()).unwrap().unwrap();
        runtime.spawn(async move {
            std::future::pending::<()>().await;
            drop(stream);
        });
        drop(runtime);
        without_runtime(&drained);
        ended(&drained.recorders, "a");
    }
}

#[test]
fn a_call_without_a_runtime_is_dropped_at_once() {
    let drained = Drained::new(Recorders::new(&[support::Mode::Inline]), answer());
    let mut stream = drained.call().now_or_never().unwrap().unwrap();
    stream.next().now_or_never().unwrap().unwrap().unwrap();
    drop(stream);
    without_runtime(&drained);
    ended(&drained.recorders, "a");
}

/// A drain without a limit of its time could last for ever.
#[test]
fn a_runtime_without_a_timer_drains_nothing() {
    for flavor in FLAVORS {
        let drained = Drained::new(Recorders::new(&[support::Mode::Inline]), answer());
        let runtime = flavor.builder().build().unwrap();
        let inner = drained.inner.clone();
        let read = drained.read_and_drop(1);
        runtime.block_on(async {
            read.await;
            while inner.live() > 0 {
                tokio::task::yield_now().await;
            }
        });
        drop(runtime);
        without_runtime(&drained);
        ended(&drained.recorders, "a");
    }
}
