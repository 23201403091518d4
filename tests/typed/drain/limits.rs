//! A drain is bounded in time and items, and drains in number.

use std::time::Duration;

use futures::{FutureExt, StreamExt, future::join_all};
use support::{MODES, PATIENCE, Recorders, everywhere, request, schedule::on_both_runtimes};
use tokio::time::Instant;
use tower::{Layer, ServiceExt};
use tower_llm_callbacks::{
    Callbacks, ErrorKind,
    drain::StreamDrainLayer,
    testing::{Recorder, Script, ScriptedModel, assert_promises},
};

use super::{Drained, SECOND, answer, dropped, paused};

#[test]
fn a_drain_is_bounded_in_time() {
    paused(async {
        let begin = || Script::new().respond().text("a").pause(4 * SECOND).text("b");
        for (limit, text) in [(3 * SECOND, "a"), (7 * SECOND, "ab")] {
            for script in [begin().hang(), begin().pause(4 * SECOND).text("c")] {
                let mut drained = Drained::new(Recorders::new(&MODES), script);
                drained.drain = drained.drain.max_time(limit);
                let mut stream = drained.call().await.unwrap();
                tokio::time::sleep(60 * SECOND).await;
                stream.next().await.unwrap().unwrap();
                let began = Instant::now();
                drop(stream);
                let stats = drained.drained().await;
                assert_eq!(began.elapsed(), limit);
                assert_eq!((stats.timed_out, stats.finished), (1, 0));
                let end = drained.recorders.ended(Some(ErrorKind::Cancelled)).await;
                assert_eq!(end.result().unwrap().text(), text);
                let message = "the call was dropped before its end";
                assert_eq!(end.error().unwrap().message(), message);
            }
        }
    });
}

/// The time counts from the drop, and also while there is no response.
#[test]
fn a_call_without_its_response_is_bounded_in_time() {
    paused(async {
        let script = Script::new().pause(20 * SECOND).respond().text("a").hang();
        let drained = Drained::new(Recorders::new(&MODES), script);
        let mut call = drained.call();
        while drained.inner.calls() == 0 {
            assert!((&mut call).now_or_never().is_none());
            tokio::task::yield_now().await;
        }
        assert!((&mut call).now_or_never().is_none());
        let began = Instant::now();
        drop(call);
        assert_eq!(drained.drained().await.timed_out, 1);
        assert_eq!(began.elapsed(), 30 * SECOND);
        let end = drained.recorders.ended(Some(ErrorKind::Cancelled)).await;
        assert_eq!(end.result().unwrap().text(), "a");
    });
}

/// An answer that is always there leaves other tasks their turn, and its limit counts.
#[test]
fn an_endless_answer_does_not_block_the_runtime() {
    on_both_runtimes(|| async {
        let endless = tower::service_fn(|_| async {
            Ok::<_, tower::BoxError>(futures::stream::repeat_with(|| {
                Ok::<_, tower::BoxError>(tower_llm_callbacks::Delta::text("a").into_owned())
            }))
        });
        let drain = StreamDrainLayer::new().max_time(Duration::from_millis(50)).max_items(u64::MAX);
        drop(drain.layer(endless).oneshot(request()).await.unwrap());
        assert!(drain.flush(PATIENCE).await);
        assert_eq!(drain.stats().timed_out, 1);
    });
}

#[test]
fn a_drain_is_bounded_in_items() {
    // Of an answer of 5 items, of which one is read.
    for (limit, whole) in [(0, false), (3, false), (4, true)] {
        everywhere(move |recorders| async move {
            let mut drained = Drained::new(recorders, answer());
            drained.drain = drained.drain.max_items(limit);
            drained.read_and_drop(1).await;
            let stats = drained.drained().await;
            assert_eq!((stats.finished, stats.too_large), (whole as u64, !whole as u64));
            let end = drained.recorders.ended(Some(ErrorKind::Cancelled)).await;
            assert_eq!(end.result().unwrap().text(), "ab");
        });
    }
}

#[test]
fn drains_are_bounded_in_number() {
    const CALLS: usize = 100;
    on_both_runtimes(|| async {
        let recorder = Recorder::new();
        let callbacks = Callbacks::new().inline(recorder.clone());
        let (go, waits) = tokio::sync::watch::channel(false);
        let inner = ScriptedModel::new(Script::answer(["a", "b"]));
        let model = inner.clone();
        let held = tower::service_fn(move |request| {
            let (call, mut waits) = (model.clone().oneshot(request), waits.clone());
            async move {
                let stream = call.await?;
                let wait = async move { waits.wait_for(|go| *go).await.map(drop).unwrap() };
                let rest = wait.into_stream().filter_map(async |()| None);
                Ok::<_, tower::BoxError>(rest.boxed().chain(stream))
            }
        });
        let drain = StreamDrainLayer::new().max_drains(3);
        let layer = tower_llm_callbacks::CallbackLayer::new(callbacks.clone());
        // Two services of clones of the layer share the limit.
        let services = [(); 2].map(|()| drain.clone().layer(layer.layer(held.clone())));
        let calls = (0..CALLS).map(|n| services[n % 2].clone().oneshot(request()));
        let streams = join_all(calls).await;
        assert_eq!(inner.live(), CALLS);
        let drops = streams.into_iter().map(|stream| tokio::spawn(async move { drop(stream) }));
        join_all(drops).await;
        let stats = drain.stats();
        assert_eq!((stats.active, stats.refused), (3, 97));
        assert_eq!(inner.live(), 3, "what is not drained is dropped at once");
        assert!(!drain.flush(Duration::from_millis(1)).await, "three hang");
        go.send(true).unwrap();
        assert!(drain.flush(PATIENCE).await);
        let stats = drain.stats();
        assert_eq!((stats.active, stats.finished, dropped(stats)), (0, 3, 97));
        assert_promises(&recorder.events());
        let ends = recorder.terminals();
        assert_eq!(ends.len(), CALLS);
        assert!(ends.iter().all(|end| end.error().unwrap().kind() == ErrorKind::Cancelled));
        let whole = ends.iter().filter(|end| end.result().unwrap().text() == "ab");
        assert_eq!(whole.count(), 3);
        // A place that is free again is taken.
        drop(services[0].clone().oneshot(request()).await.unwrap());
        assert!(drain.flush(PATIENCE).await);
        assert_eq!(drain.stats().finished, 4);
    });
}

#[test]
fn a_layer_that_may_drain_nothing_drops_the_call_at_once() {
    everywhere(|recorders| async move {
        let mut drained = Drained::new(recorders, answer());
        drained.drain = drained.drain.max_drains(0);
        drained.read_and_drop(1).await;
        assert_eq!(drained.inner.live(), 0);
        assert_eq!(drained.drained().await.refused, 1);
        let end = drained.recorders.ended(Some(ErrorKind::Cancelled)).await;
        assert_eq!(end.result().unwrap().text(), "a");
    });
}
