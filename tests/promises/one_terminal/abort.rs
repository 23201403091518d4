//! Aborts in each phase, from inside handlers and from other threads.

use futures::{StreamExt, poll};
use http::StatusCode;
use support::{Gate, MODES, Recorders, assert_same_answer, call, everywhere, read, request, runs};
use tokio::task::yield_now;
use tower::{Service, ServiceExt};
use tower_llm_callbacks::{
    Abort, Aborted, ErrorKind, EventKind, Run,
    testing::{Recorded, Script},
};

use super::{chunks, script, sum};

fn abort() -> Abort {
    Abort::new("budget spent").status(StatusCode::TOO_MANY_REQUESTS)
}

fn is_aborted(error: &tower::BoxError) -> bool {
    error.downcast_ref::<Aborted>().is_some_and(|aborted| *aborted.abort() == abort())
}

/// Aborts from a thread without a runtime.
fn abort_elsewhere(run: &Run) -> bool {
    let run = run.clone();
    std::thread::spawn(move || run.abort(abort())).join().unwrap()
}

async fn ended_aborted(recorders: &Recorders, run: &Run) -> Recorded {
    let end = recorders.ended(Some(ErrorKind::Aborted)).await;
    let error = end.error().unwrap();
    assert_eq!((error.message(), error.status()), ("budget spent", Some(429)));
    assert!(!run.abort(abort()), "the run has ended");
    end
}

/// Adds a handler that holds the call up, and one that keeps the run.
fn held(recorders: Recorders, at: EventKind) -> (Recorders, Gate, impl Fn() -> Run) {
    let gate = Gate::new();
    let (handler, runs) = runs();
    let recorders = recorders.with(gate.at(at)).with(handler);
    (recorders, gate, move || runs.lock().unwrap()[0].clone())
}

#[test]
fn abort_in_the_start_phase_skips_the_model() {
    everywhere(|recorders| async move {
        let (recorders, gate, run) = held(recorders, EventKind::LlmStart);
        let (inner, mut model) = recorders.model(script(usize::MAX));
        let mut call = tokio::spawn(model.ready().await.unwrap().call(request()));
        gate.entered().await;
        assert!(poll!(&mut call).is_pending());
        assert!(abort_elsewhere(&run()));
        assert!(!run().abort(abort()), "a run is aborted only once");
        gate.open();
        assert!(is_aborted(&call.await.unwrap().unwrap_err()));
        assert_eq!(inner.calls(), 0);
        ended_aborted(&recorders, &run()).await;
    });
}

#[test]
fn abort_before_the_response_drops_the_inner_call() {
    everywhere(|recorders| async move {
        let (handler, runs) = runs();
        let recorders = recorders.with(handler);
        let (inner, mut model) = recorders.model(Script::new().hang().respond());
        let mut call = tokio_test::task::spawn(model.ready().await.unwrap().call(request()));
        while inner.calls() == 0 {
            assert!(call.poll().is_pending());
            yield_now().await;
        }
        assert!(call.poll().is_pending());
        let run = runs.lock().unwrap()[0].clone();
        assert!(abort_elsewhere(&run));
        assert!(call.is_woken());
        assert!(is_aborted(&call.await.unwrap_err()));
        assert_eq!(inner.live(), 0);
        ended_aborted(&recorders, &run).await;
    });
}

#[test]
fn abort_in_the_stream_drops_the_inner_call() {
    for taken in [0, 3, 5] {
        everywhere(move |recorders| async move {
            let (recorders, _, run) = held(recorders, EventKind::Custom);
            let (inner, mut model) = recorders.model(script(taken).hang());
            let mut stream = call(&mut model).await.unwrap();
            for _ in 0..taken {
                stream.next().await.unwrap().unwrap();
            }
            // One task waits for the next item while another thread aborts.
            let next = tokio::spawn(async move { (stream.next().await, stream) });
            yield_now().await;
            assert!(abort_elsewhere(&run()));
            let (item, mut stream) = next.await.unwrap();
            assert!(is_aborted(&item.unwrap().unwrap_err()));
            assert_eq!(inner.live(), 0, "dropped although the stream is kept");
            assert!(stream.next().await.is_none());
            let end = ended_aborted(&recorders, &run()).await;
            assert_same_answer(end.result().unwrap(), &sum(taken));
        });
    }
}

/// The consumer has all items, and a handler is still at a token.
#[test]
fn abort_while_handlers_drain_ends_aborted() {
    let all = chunks().len();
    for (given, what) in [(all, "complete"), (all - 1, "truncated"), (all - 2, "failed")] {
        everywhere(move |recorders| async move {
            println!("{what}");
            let (recorders, gate, run) = held(recorders, EventKind::LlmNewToken);
            let script = script(given);
            let script = if what == "failed" { script.fail("too late") } else { script };
            let (inner, mut model) = recorders.model(script);
            let mut stream = call(&mut model).await.unwrap();
            for _ in 0..given {
                stream.next().await.unwrap().unwrap();
            }
            gate.entered().await;
            assert!(poll!(stream.next()).is_pending());
            assert!(abort_elsewhere(&run()));
            assert!(poll!(stream.next()).is_pending());
            assert_eq!(inner.live(), 0, "dropped at the next poll, without waiting for handlers");
            gate.open();
            assert!(is_aborted(&stream.next().await.unwrap().unwrap_err()));
            assert!(stream.next().await.is_none());
            let end = ended_aborted(&recorders, &run()).await;
            assert_same_answer(end.result().unwrap(), &sum(given));
        });
    }
}

/// After the end mark, while the connection is still open and a handler at a token.
#[test]
fn abort_after_the_end_mark_while_handlers_drain_ends_aborted() {
    everywhere(|recorders| async move {
        let (recorders, gate, run) = held(recorders, EventKind::LlmNewToken);
        let (inner, mut model) = recorders.model(script(usize::MAX).hang());
        let mut stream = call(&mut model).await.unwrap();
        for _ in chunks() {
            stream.next().await.unwrap().unwrap();
        }
        gate.entered().await;
        assert!(poll!(stream.next()).is_pending());
        assert!(abort_elsewhere(&run()));
        assert!(poll!(stream.next()).is_pending());
        assert_eq!(inner.live(), 0, "dropped at the next poll, without waiting for handlers");
        gate.open();
        assert!(is_aborted(&stream.next().await.unwrap().unwrap_err()));
        ended_aborted(&recorders, &run()).await;
    });
}

#[test]
fn drop_after_an_abort_ends_aborted() {
    everywhere(|recorders| async move {
        let (recorders, _, run) = held(recorders, EventKind::Custom);
        let (inner, mut model) = recorders.model(script(4).hang());
        let mut stream = call(&mut model).await.unwrap();
        for _ in 0..4 {
            stream.next().await.unwrap().unwrap();
        }
        assert!(run().abort(abort()));
        drop(stream);
        assert_eq!(inner.live(), 0);
        let end = ended_aborted(&recorders, &run()).await;
        assert_same_answer(end.result().unwrap(), &sum(4));
    });
}

#[test]
fn abort_from_inside_a_handler_ends_aborted() {
    for mode in MODES {
        for kind in [EventKind::LlmStart, EventKind::LlmNewToken] {
            everywhere(move |recorders| async move {
                println!("{mode:?} on {kind}");
                let (handler, runs) = runs();
                let aborts = mode.closure(move |run, event| {
                    if event.kind() == kind {
                        run.abort(abort());
                    }
                });
                let recorders = recorders.with(aborts).with(handler);
                let (inner, mut model) = recorders.model(script(4).hang());
                let error = match call(&mut model).await {
                    Ok(stream) => read(stream).await.1.expect("an error"),
                    Err(error) => error,
                };
                assert!(is_aborted(&error), "{error:?}");
                assert_eq!(inner.live(), 0);
                let waited_for = mode.is_awaited() || mode == support::Mode::Inline;
                if kind == EventKind::LlmStart && waited_for {
                    assert_eq!(inner.calls(), 0);
                }
                let run = runs.lock().unwrap()[0].clone();
                ended_aborted(&recorders, &run).await;
            });
        }
    }
}

/// An abort after the terminal event is emitted has no effect.
#[test]
fn abort_at_the_terminal_has_no_effect() {
    for mode in MODES {
        everywhere(move |recorders| async move {
            let recorders = recorders.with(mode.closure(|run, event| {
                assert!(!event.kind().is_terminal() || !run.abort(abort()));
            }));
            let (_, mut model) = recorders.model(script(usize::MAX));
            let (got, error) = read(call(&mut model).await.unwrap()).await;
            assert_eq!(got, chunks());
            assert!(error.is_none());
            recorders.ended(None).await;
        });
    }
}

/// Several threads abort a run while it completes: at most one wins, and all handlers agree.
#[test]
fn abort_races_with_completion() {
    for _ in 0..20 {
        everywhere(|recorders| async move {
            let (recorders, _, run) = held(recorders, EventKind::Custom);
            let (_, mut model) = recorders.model(script(usize::MAX));
            let stream = call(&mut model).await.unwrap();
            let run = run();
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    std::thread::spawn({
                        let run = run.clone();
                        move || run.abort(abort())
                    })
                })
                .collect();
            let (_, error) = read(stream).await;
            let won = threads.into_iter().filter(|_| true).map(|t| t.join().unwrap());
            let won = won.filter(|won| *won).count();
            assert!(won <= 1);
            assert_eq!(error.is_some(), won == 1);
            recorders.ended((won == 1).then_some(ErrorKind::Aborted)).await;
        });
    }
}
