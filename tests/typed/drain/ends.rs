//! How the run of a drained call ends.

use futures::{FutureExt, StreamExt};
use support::{
    MODES, Mode, PATIENCE, Recorders, everywhere, on_each_runtime, panic_of, quiet_panics, read,
    request, runs,
};
use tower::{Layer, Service, ServiceExt};
use tower_llm_callbacks::{
    Abort, ContentCapture, Delta, ErrorKind, EventKind, ProviderError,
    drain::{DrainStats, StreamDrainLayer},
    testing::{Script, ScriptedModel},
};

use super::{Drained, answer, assert_whole, finished};

#[test]
fn a_call_that_is_dropped_midway_is_read_to_its_end_and_cancelled() {
    for items in 0..2 {
        everywhere(move |recorders| async move {
            let drained = Drained::new(recorders, answer());
            drained.read_and_drop(items).await;
            finished(1)(drained.drained().await);
            let end = drained.recorders.ended(Some(ErrorKind::Cancelled)).await;
            assert_whole(end.result().unwrap());
            let message = "the client dropped the call; the answer was read to its end";
            assert_eq!(end.error().unwrap().message(), message);
        });
    }
}

#[test]
fn an_answer_that_was_finished_when_it_was_dropped_is_complete() {
    // After the finish reason, after the usage, and after the end mark.
    for items in 3..=5 {
        everywhere(move |recorders| async move {
            let drained = Drained::new(recorders, answer());
            drained.read_and_drop(items).await;
            finished(1)(drained.drained().await);
            let end = drained.recorders.ended(None).await;
            assert_whole(end.result().unwrap());
        });
    }
}

#[test]
fn an_answer_that_was_read_to_its_end_is_not_drained() {
    everywhere(|recorders| async move {
        let drained = Drained::new(recorders, answer());
        let stream = drained.call().await.unwrap();
        assert_eq!(read(stream).await.0.len(), 5);
        assert_eq!(drained.drained().await, DrainStats::default());
        drained.recorders.ended(None).await;
        // Nor is one that has failed.
        let recorders = Recorders::new(&MODES);
        let drained = Drained::new(recorders, Script::new().respond().text("a").fail("reset"));
        assert!(read(drained.call().await.unwrap()).await.1.is_some());
        assert_eq!(drained.drained().await, DrainStats::default());
        drained.recorders.ended(Some(ErrorKind::Transport)).await;
    });
}

#[test]
fn a_call_without_its_response_is_read_to_its_end() {
    everywhere(|recorders| async move {
        let script = Script::new().yields().yields().yields().respond();
        let script = script.text("a").yields().text("b");
        let script = script.chunk(Delta::usage(tower_llm_callbacks::Usage::new(11, 25)));
        let drained = Drained::new(recorders, script.complete("stop"));
        let mut call = drained.call();
        // The awaited handlers' start comes first.
        while drained.inner.calls() == 0 {
            assert!(futures::poll!(&mut call).is_pending());
            tokio::task::yield_now().await;
        }
        drop(call);
        finished(1)(drained.drained().await);
        let end = drained.recorders.ended(Some(ErrorKind::Cancelled)).await;
        assert_whole(end.result().unwrap());
    });
}

#[test]
fn a_call_that_has_asked_for_nothing_is_dropped() {
    everywhere(|recorders| async move {
        let drained = Drained::new(recorders, answer());
        let mut service = drained.service();
        drop(service.ready().await.unwrap().call(request()));
        assert_eq!(drained.drained().await, DrainStats::default());
        drained.recorders.ended(Some(ErrorKind::Cancelled)).await;
    });
    // It waits for a handler.
    on_each_runtime(|| async {
        let gate = support::Gate::new();
        let recorders = Recorders::new(&MODES).with(gate.at(EventKind::LlmStart));
        let drained = Drained::new(recorders, answer());
        let mut call = drained.call();
        assert!((&mut call).now_or_never().is_none());
        gate.entered().await;
        assert!((&mut call).now_or_never().is_none());
        drop(call);
        gate.open();
        assert_eq!(drained.drained().await, DrainStats::default());
        assert_eq!(drained.inner.calls(), 0);
        drained.recorders.ended(Some(ErrorKind::Cancelled)).await;
    });
}

#[test]
fn what_the_provider_reports_later_is_the_error_and_a_break_is_not() {
    let begin = || Script::new().respond().text("a").yields().text("b").yields();
    let ends = [
        (begin().provider_error(ProviderError::new("overloaded")), ErrorKind::Provider),
        (begin().chunk(Delta::Error(ProviderError::new("no"))), ErrorKind::Provider),
        (begin().fail("reset by 10.0.0.7"), ErrorKind::Cancelled),
        (begin(), ErrorKind::Cancelled),
        (Script::new().yields().yields().yields().fail("refused"), ErrorKind::Cancelled),
    ];
    for (script, kind) in ends {
        everywhere(move |recorders| {
            let drained = Drained::new(recorders, script.clone());
            async move {
                let mut call = drained.call();
                while drained.inner.calls() == 0 {
                    if let Some(stream) = (&mut call).now_or_never() {
                        drop(stream);
                        break;
                    }
                    tokio::task::yield_now().await;
                }
                drop(call);
                finished(1)(drained.drained().await);
                let end = drained.recorders.ended(Some(kind)).await;
                if kind == ErrorKind::Cancelled {
                    // Nothing of the transport's error: a cancelled call's message is not taken for content.
                    let message = "the client dropped the call; the answer did not come to its end";
                    assert_eq!(end.error().unwrap().message(), message);
                }
            }
        });
    }
}

#[test]
fn a_drained_call_can_be_aborted() {
    everywhere(|recorders| async move {
        let (keeps, kept) = runs();
        let recorders = recorders.with(keeps);
        let drained = Drained::new(recorders, Script::new().respond().text("a").text("b").hang());
        drained.read_and_drop(1).await;
        // The drain has read on.
        let run = kept.lock().unwrap()[0].clone();
        let tokens = || drained.recorders.each[0].1.text() == "ab";
        support::until(tokens).await;
        assert_eq!(drained.drain.stats().active, 1);
        assert!(run.abort(Abort::new("enough")));
        finished(1)(drained.drained().await);
        let end = drained.recorders.ended(Some(ErrorKind::Aborted)).await;
        assert_eq!(end.result().unwrap().text(), "ab");
    });
}

#[test]
fn a_panic_of_a_drained_call_is_caught() {
    quiet_panics();
    for respond in [true, false] {
        everywhere(move |recorders| async move {
            let script = if respond { Script::new().respond() } else { Script::new() };
            let script = script.yields().yields().yields().panic();
            let drained = Drained::new(recorders, script);
            let mut call = drained.call();
            while drained.inner.calls() == 0 {
                drop((&mut call).now_or_never());
                if drained.inner.calls() == 0 {
                    tokio::task::yield_now().await;
                }
            }
            drop(call);
            let stats = drained.drained().await;
            assert_eq!((stats.panicked, stats.finished), (1, 0));
            drained.recorders.ended(Some(ErrorKind::Panic)).await;
        });
    }
}

/// The consumer has got the panic.
#[test]
fn a_call_that_has_panicked_is_not_drained() {
    quiet_panics();
    let runtime = support::Flavor::Current.runtime();
    let drained =
        Drained::new(Recorders::new(&[Mode::Inline]), Script::new().respond().text("a").panic());
    panic_of(|| {
        runtime.block_on(async {
            let mut stream = drained.call().await.unwrap();
            stream.next().await.unwrap().unwrap();
            stream.next().await
        })
    });
    runtime.block_on(async {
        assert_eq!(drained.drained().await, DrainStats::default());
        drained.recorders.ended(Some(ErrorKind::Panic)).await;
    });
}

#[test]
fn without_a_callback_layer_a_stream_is_read_to_its_end() {
    on_each_runtime(|| async {
        let (drain, model) = (StreamDrainLayer::new(), ScriptedModel::new(answer()));
        let mut stream = drain.layer(model.clone()).oneshot(request()).await.unwrap();
        stream.next().await.unwrap().unwrap();
        drop(stream);
        assert_eq!(model.live(), 1);
        assert!(drain.flush(PATIENCE).await);
        assert_eq!((drain.stats().finished, model.live()), (1, 0));
    });
}

/// With content off, too: the message is the layer's own.
#[test]
fn the_message_is_no_content() {
    on_each_runtime(|| async {
        let recorders = Recorders::new(&MODES);
        let layer = recorders.layer().content(ContentCapture::Off);
        let (drain, model) = (StreamDrainLayer::new(), ScriptedModel::new(answer()));
        drop(drain.layer(layer.layer(model)).oneshot(request()).await.unwrap());
        assert!(drain.flush(PATIENCE).await);
        let end = recorders.ended(Some(ErrorKind::Cancelled)).await;
        assert!(end.error().unwrap().message().ends_with("read to its end"));
        assert_eq!(end.result().unwrap().usage.as_ref().unwrap().output_tokens, Some(25));
    });
}
