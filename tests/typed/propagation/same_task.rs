//! In the same task the run follows on its own.

use futures::{StreamExt, stream, stream::FuturesUnordered};
use tower::BoxError;
use tower_llm_callbacks::{Run, RunLayer};

use super::{ask, children};

#[test]
fn await_() {
    children(2, || async {
        ask().await?;
        tokio::task::yield_now().await;
        ask().await
    });
}

#[test]
fn join() {
    children(3, || async {
        let (a, b, c) = tokio::join!(ask(), ask(), ask());
        a.and(b).and(c)
    });
}

#[test]
fn select() {
    children(2, || async {
        let mut other = Box::pin(ask());
        tokio::select! {
            first = ask() => first?,
            second = &mut other => return second,
        }
        other.await
    });
}

#[test]
fn futures_unordered() {
    children(5, || async {
        let mut calls: FuturesUnordered<_> = (0..5).map(|_| ask()).collect();
        while let Some(call) = calls.next().await {
            call?;
        }
        Ok(())
    });
}

#[test]
fn a_stream() {
    children(3, || async {
        let mut calls = stream::iter(0..3).map(|_| ask()).buffered(2);
        while let Some(call) = calls.next().await {
            call?;
        }
        Ok(())
    });
}

#[test]
fn a_timeout() {
    children(1, || async { tokio::time::timeout(super::PATIENCE, ask()).await? });
}

/// Two chains polled alternately in one task do not see each other.
#[tokio::test]
async fn alternately_polled_runs_do_not_see_each_other() {
    let callbacks =
        tower_llm_callbacks::Callbacks::new().inline(tower_llm_callbacks::on_event(|_, _| ()));
    let work = |name: &'static str| {
        RunLayer::chain(name).callbacks(&callbacks).run(async move {
            for _ in 0..50 {
                assert_eq!(Run::current().unwrap().name(), name);
                tokio::task::yield_now().await;
            }
            Ok::<_, BoxError>(())
        })
    };
    let (a, b) = (work("a"), work("b"));
    let (a, b) = futures::join!(a, b);
    a.unwrap();
    b.unwrap();
    assert!(Run::current().is_none());
}
