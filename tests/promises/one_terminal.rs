//! Promise 1, one terminal event: every run that started ends in exactly one `end` or `error`, however it
//! ended, for handlers of every delivery, and all of them receive the same result.

mod abort;
mod panic;
mod runtime;

use std::{error::Error, fmt, io, time::Duration};

use futures::{StreamExt, poll};
use support::{Gate, assert_same_answer, call, everywhere, read, request};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn, timeout::TimeoutLayer};
use tower_llm_callbacks::{
    Delta, ErrorKind, EventKind, LlmChunk, LlmResult, ProviderError, Usage,
    chat::{ChatChunk, ChatRequest},
    event::{Accumulator, Truncated},
    testing::Script,
};

/// An answer with everything that a terminal carries.
fn chunks() -> Vec<ChatChunk> {
    let tool = |id: Option<&'static str>, arguments: &'static str| Delta::ToolCall {
        choice: 0,
        index: 0,
        id: id.map(Into::into),
        name: id.map(|_| "look".into()),
        arguments: arguments.into(),
    };
    vec![
        Delta::Response { id: Some("r1".into()), model: Some("m1".into()) },
        Delta::Usage { usage: Usage::new(7, 1), raw: None },
        Delta::text("Hel"),
        Delta::text("lo"),
        tool(Some("t1"), "{\"at\":"),
        tool(None, "1}"),
        Delta::Usage { usage: Usage::new(7, 5), raw: None },
        Delta::finish("stop"),
        Delta::Done,
    ]
}

/// The number of chunks up to the finish reason, which the end mark follows.
const FINISHED: usize = 8;

/// A response with the first `count` chunks.
fn script(count: usize) -> Script {
    chunks().into_iter().take(count).fold(Script::new().respond(), Script::chunk)
}

/// The result of the first `count` chunks.
fn sum(count: usize) -> LlmResult {
    let mut answer = Accumulator::new();
    for chunk in chunks().iter().take(count) {
        answer.delta(chunk);
    }
    answer.finish()
}

fn overloaded() -> ProviderError {
    ProviderError::new("come back later").code("overloaded_error").status(529)
}

#[test]
fn a_partial_result_carries_the_chunks_so_far() {
    let result = sum(5);
    assert_eq!(result.text(), "Hello");
    assert_eq!(result.choices[0].tool_calls[0].name, "look");
    assert_eq!(result.choices[0].tool_calls[0].arguments, "{\"at\":");
    assert_eq!(result.usage, Some(Usage::new(7, 1)));
    assert_eq!(result.tokens, 3);
}

#[test]
fn a_call_read_to_the_end_completes() {
    everywhere(|recorders| async move {
        let (_, mut model) = recorders.model(script(usize::MAX));
        let (got, error) = read(call(&mut model).await.unwrap()).await;
        assert_eq!(got, chunks());
        assert!(error.is_none());
        // Once the consumer has the last item, awaited handlers have returned from the terminal.
        for (mode, recorder) in &recorders.each {
            assert!(!mode.is_awaited() || recorder.terminals().len() == 1, "{mode:?}");
        }
        let end = recorders.ended(None).await;
        assert_eq!(end.kind(), EventKind::LlmEnd);
        assert_same_answer(end.result().unwrap(), &sum(usize::MAX));
    });
}

#[test]
fn a_transport_error_in_the_stream_ends_the_run() {
    everywhere(|recorders| async move {
        let (_, mut model) = recorders.model(script(5).fail("reset by peer"));
        let (got, error) = read(call(&mut model).await.unwrap()).await;
        assert_eq!(got, chunks()[..5]);
        assert!(error.unwrap().is::<io::Error>());
        let end = recorders.ended(Some(ErrorKind::Transport)).await;
        assert_eq!(end.error().unwrap().message(), "reset by peer");
        assert_same_answer(end.result().unwrap(), &sum(5));
    });
}

#[test]
fn a_provider_error_in_the_stream_ends_the_run() {
    everywhere(|recorders| async move {
        let (_, mut model) = recorders.model(script(4).provider_error(overloaded()));
        let (_, error) = read(call(&mut model).await.unwrap()).await;
        assert_eq!(*error.unwrap().downcast::<ProviderError>().unwrap(), overloaded());
        let end = recorders.ended(Some(ErrorKind::Provider)).await;
        let error = end.error().unwrap();
        assert_eq!(error.message(), "come back later");
        assert_eq!(error.provider_code(), Some("overloaded_error"));
        assert_eq!(error.status(), Some(529));
        assert_same_answer(end.result().unwrap(), &sum(4));
    });
}

#[test]
fn a_provider_error_inside_a_chunk_ends_the_run() {
    everywhere(|recorders| async move {
        let (_, mut model) =
            recorders.model(script(4).chunk(Delta::Error(overloaded())).text("more"));
        let (got, error) = read(call(&mut model).await.unwrap()).await;
        assert_eq!(got.len(), 6);
        assert!(error.is_none());
        let end = recorders.ended(Some(ErrorKind::Provider)).await;
        assert_eq!(end.error().unwrap().status(), Some(529));
        assert_same_answer(end.result().unwrap(), &sum(4));
    });
}

#[test]
fn an_error_instead_of_a_response_ends_the_run() {
    everywhere(|recorders| async move {
        let (_, mut model) = recorders.model(Script::new().yields().fail("refused").respond());
        assert!(call(&mut model).await.unwrap_err().is::<io::Error>());
        let end = recorders.ended(Some(ErrorKind::Transport)).await;
        assert_eq!(end.error().unwrap().message(), "refused");
        assert_same_answer(end.result().unwrap(), &sum(0));
    });
    everywhere(|recorders| async move {
        let (_, mut model) = recorders.model(Script::new().provider_error(overloaded()).respond());
        assert!(call(&mut model).await.unwrap_err().is::<ProviderError>());
        let end = recorders.ended(Some(ErrorKind::Provider)).await;
        assert_eq!(end.error().unwrap().status(), Some(529));
        assert_eq!(end.error().unwrap().provider_code(), Some("overloaded_error"));
    });
}

/// The kind of an error is found in its sources, however it is wrapped.
#[test]
fn an_error_kind_is_found_in_the_sources() {
    #[derive(Debug)]
    struct Wrapped(BoxError);
    impl fmt::Display for Wrapped {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("wrapped")
        }
    }
    impl Error for Wrapped {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&*self.0)
        }
    }
    fn source(kind: ErrorKind) -> BoxError {
        match kind {
            ErrorKind::Provider => overloaded().into(),
            ErrorKind::Truncated => Truncated::default().into(),
            _ => "reset".into(),
        }
    }
    for kind in [ErrorKind::Provider, ErrorKind::Truncated, ErrorKind::Transport] {
        everywhere(move |recorders| async move {
            let model = service_fn(move |_: ChatRequest| async move {
                let items = [Ok(Delta::text("a")), Err(Wrapped(Wrapped(source(kind)).into()))];
                Ok::<_, BoxError>(futures::stream::iter(items))
            });
            let mut model = recorders.layer().layer(model);
            let mut stream = model.ready().await.unwrap().call(request()).await.unwrap();
            assert!(stream.next().await.unwrap().is_ok());
            assert!(stream.next().await.unwrap().unwrap_err().is::<Wrapped>());
            let end = recorders.ended(Some(kind)).await;
            let code = end.error().unwrap().provider_code();
            assert_eq!(code.is_some(), kind == ErrorKind::Provider);
        });
    }
}

#[test]
fn a_stream_without_its_end_mark_is_truncated_unless_it_is_finished() {
    for (chunks, kind) in [(FINISHED - 1, Some(ErrorKind::Truncated)), (FINISHED, None)] {
        everywhere(move |recorders| async move {
            let (_, mut model) = recorders.model(script(chunks));
            let (got, error) = read(call(&mut model).await.unwrap()).await;
            assert_eq!(got.len(), chunks);
            assert!(error.is_none());
            let end = recorders.ended(kind).await;
            assert_same_answer(end.result().unwrap(), &sum(chunks));
        });
    }
    // A layer below may have reported it already.
    everywhere(|recorders| async move {
        let model = service_fn(|_: ChatRequest| async {
            let cut = futures::stream::iter([Ok(Delta::text("a")), Err(Truncated::default())]);
            Ok::<_, BoxError>(cut)
        });
        let mut model = recorders.layer().layer(model);
        let mut stream = model.ready().await.unwrap().call(request()).await.unwrap();
        assert!(stream.next().await.unwrap().is_ok());
        assert!(stream.next().await.unwrap().unwrap_err().is::<Truncated>());
        assert!(stream.next().await.is_none());
        assert_eq!(recorders.ended(Some(ErrorKind::Truncated)).await.result().unwrap().text(), "a");
    });
}

#[test]
fn a_chunk_type_without_end_mark_completes_at_the_end_of_the_stream() {
    struct Word(&'static str);
    impl LlmChunk for Word {
        fn deltas(&self, each: &mut dyn FnMut(Delta<'_>)) {
            each(Delta::text(self.0));
        }
    }
    everywhere(|recorders| async move {
        let model = service_fn(|_: ChatRequest| async {
            let words = [Word("a"), Word("b")].map(Ok::<_, BoxError>);
            Ok::<_, BoxError>(futures::stream::iter(words))
        });
        let mut model = recorders.layer().layer(model);
        let stream = model.ready().await.unwrap().call(request()).await.unwrap();
        let words = stream.map(|word| word.unwrap().0);
        assert_eq!(words.collect::<String>().await, "ab");
        assert_eq!(recorders.ended(None).await.result().unwrap().text(), "ab");
    });
}

#[test]
fn a_future_never_polled_ends_cancelled() {
    everywhere(|recorders| async move {
        let (inner, mut model) = recorders.model(script(usize::MAX));
        drop(model.ready().await.unwrap().call(request()));
        assert_eq!(inner.live(), 0);
        let end = recorders.ended(Some(ErrorKind::Cancelled)).await;
        assert_same_answer(end.result().unwrap(), &sum(0));
    });
}

#[test]
fn drop_in_the_start_phase_ends_cancelled() {
    everywhere(|recorders| async move {
        let gate = Gate::new();
        let recorders = recorders.with(gate.at(EventKind::LlmStart));
        let (inner, mut model) = recorders.model(script(usize::MAX));
        let mut future = Box::pin(model.ready().await.unwrap().call(request()));
        assert!(poll!(&mut future).is_pending());
        gate.entered().await;
        drop(future);
        assert_eq!(inner.calls(), 0);
        gate.open();
        recorders.ended(Some(ErrorKind::Cancelled)).await;
        assert_eq!(inner.calls(), 0);
    });
}

#[test]
fn drop_before_the_response_ends_cancelled() {
    everywhere(|recorders| async move {
        let (inner, mut model) = recorders.model(Script::new().hang().respond());
        let mut future = Box::pin(model.ready().await.unwrap().call(request()));
        while inner.calls() == 0 {
            assert!(poll!(&mut future).is_pending());
            tokio::task::yield_now().await;
        }
        assert!(poll!(&mut future).is_pending());
        assert_eq!(inner.live(), 1);
        drop(future);
        assert_eq!(inner.live(), 0);
        recorders.ended(Some(ErrorKind::Cancelled)).await;
    });
}

#[test]
fn drop_before_the_first_item_ends_cancelled() {
    for polled in [false, true] {
        everywhere(move |recorders| async move {
            let (inner, mut model) = recorders.model(Script::new().respond().hang());
            let mut stream = call(&mut model).await.unwrap();
            assert_eq!(inner.live(), 1);
            assert!(!polled || poll!(stream.next()).is_pending());
            drop(stream);
            assert_eq!(inner.live(), 0);
            let end = recorders.ended(Some(ErrorKind::Cancelled)).await;
            assert_same_answer(end.result().unwrap(), &sum(0));
        });
    }
}

#[test]
fn drop_after_each_item_ends_cancelled_until_the_finish_reason() {
    for taken in 0..=chunks().len() {
        everywhere(move |recorders| async move {
            let (inner, mut model) = recorders.model(script(usize::MAX).hang());
            let mut stream = call(&mut model).await.unwrap();
            let got: Vec<_> = stream.by_ref().take(taken).collect().await;
            assert_eq!(got.len(), taken);
            drop(stream);
            assert_eq!(inner.live(), 0);
            // With the finish reason the answer is complete.
            let cancelled = taken < FINISHED;
            let end = recorders.ended(cancelled.then_some(ErrorKind::Cancelled)).await;
            assert_same_answer(end.result().unwrap(), &sum(taken));
        });
    }
}

#[test]
fn drop_by_an_outer_timeout_ends_cancelled() {
    everywhere(|recorders| async move {
        let (inner, model) = recorders.model(Script::new().hang().respond());
        let mut model = TimeoutLayer::new(Duration::from_millis(10)).layer(model);
        let error = model.ready().await.unwrap().call(request()).await.unwrap_err();
        assert!(error.is::<tower::timeout::error::Elapsed>());
        assert_eq!(inner.live(), 0);
        recorders.ended(Some(ErrorKind::Cancelled)).await;
    });
    // The same in the stream.
    everywhere(|recorders| async move {
        let (inner, mut model) = recorders.model(script(3).hang());
        let stream = call(&mut model).await.unwrap();
        let read = tokio::time::timeout(Duration::from_millis(10), read(stream));
        assert!(read.await.is_err());
        assert_eq!(inner.live(), 0);
        let end = recorders.ended(Some(ErrorKind::Cancelled)).await;
        // On a busy machine the timeout may fire before the text is read.
        assert!("Hel".starts_with(end.result().unwrap().text()));
    });
}

#[test]
fn drop_while_a_handler_is_at_the_terminal_stays_completed() {
    everywhere(|recorders| async move {
        let gate = Gate::new();
        let recorders = recorders.with(gate.at(EventKind::LlmEnd));
        let (_, mut model) = recorders.model(script(usize::MAX));
        let mut stream = call(&mut model).await.unwrap();
        for _ in chunks() {
            stream.next().await.unwrap().unwrap();
        }
        while !matches!(recorders.each[0].1.kinds().last(), Some(EventKind::LlmEnd)) {
            assert!(poll!(stream.next()).is_pending());
            tokio::task::yield_now().await;
        }
        drop(stream);
        gate.open();
        recorders.ended(None).await;
    });
}
