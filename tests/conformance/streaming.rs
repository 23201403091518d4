//! D: the answer while it streams.

use futures::{FutureExt, StreamExt, stream};
use support::{Mode, call, everywhere, read, request, until};
use tokio::task::JoinError;
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_llm_callbacks::{
    Delivery, Delta, ErrorKind, EventKind, LlmStart, Usage,
    batch::Batch,
    chat::{ChatChunk, ChatRequest},
    event::Truncated,
    testing::{Script, assert_promises},
};

use super::{boxed, prompt, settled};

/// The start is emitted in `call`, not at the first poll: a call that is never polled is observed as well.
#[test]
fn case_27_the_start_does_not_wait_for_the_first_poll() {
    everywhere(|recorders| async move {
        let (inner, mut model) = recorders.model(Script::answer(["a"]));
        let future = model.ready().await.unwrap().call(request());
        for (mode, recorder) in &recorders.each {
            if *mode == Mode::Inline {
                assert_eq!(recorder.kinds(), [EventKind::LlmStart], "before `call` returns");
            } else {
                until(|| recorder.kinds() == [EventKind::LlmStart]).await;
            }
        }
        drop(future);
        assert_eq!(inner.live(), 0);
        recorders.ended(Some(ErrorKind::Cancelled)).await;
    });
}

/// Handlers see what the consumer sees: one token per chunk, in order, after the start and before the end.
#[test]
fn case_28_handlers_and_consumer_see_the_same() {
    const TEXTS: [&str; 4] = ["Why", " can't", " a", " bicycle"];
    everywhere(|recorders| async move {
        let (_, mut model) = recorders.model(Script::answer(TEXTS));
        let mut stream = call(&mut model).await.unwrap();
        let mut seen = Vec::new();
        while let Some(chunk) = stream.next().await {
            seen.extend(chunk.unwrap().content().map(str::to_owned));
            for (mode, recorder) in &recorders.each {
                use Delivery::Lockstep;
                // These handlers are never behind the consumer.
                if let Mode::Inline | Mode::Blocking(Lockstep) | Mode::Async(Lockstep) = mode {
                    assert_eq!(recorder.text(), seen.concat(), "{mode:?}");
                }
            }
        }
        recorders.ended(None).await;
        assert_eq!(seen, TEXTS);
        for (mode, recorder) in &recorders.each {
            let events = recorder.events();
            let texts: Vec<_> = events.iter().filter_map(|event| event.text()).collect();
            assert_eq!(texts, seen, "{mode:?}");
            let mut kinds = vec![EventKind::LlmNewToken; 6];
            (kinds[0], kinds[5]) = (EventKind::LlmStart, EventKind::LlmEnd);
            assert_eq!(recorder.kinds(), kinds, "{mode:?}");
        }
    });
}

/// The end carries the assembled answer: text, reasoning, tool calls, finish reason, usage and ids.
#[test]
fn case_29_the_end_carries_the_whole_answer() {
    let script = Script::new()
        .respond()
        .chunk(Delta::Response { id: Some("msg_1".into()), model: Some("m-1".into()) })
        .chunk(Delta::Reasoning { choice: 0, text: "Hm.".into() })
        .text("Hel")
        .text("lo")
        .chunk(Delta::ToolCall {
            choice: 0,
            index: 0,
            id: Some("t0".into()),
            name: Some("look".into()),
            arguments: "{\"at\":1}".into(),
        })
        .chunk(Delta::Usage { usage: Usage::new(7, 5), raw: None })
        .complete("tool_use");
    everywhere(move |recorders| {
        let (_, mut model) = recorders.model(script.clone());
        async move {
            assert!(read(call(&mut model).await.unwrap()).await.1.is_none());
            let end = recorders.ended(None).await;
            let result = end.result().unwrap();
            let choice = &result.choices[0];
            assert_eq!((&*choice.text, &*choice.reasoning, &*choice.refusal), ("Hello", "Hm.", ""));
            let call = &choice.tool_calls[0];
            assert_eq!((&*call.id, &*call.name, &*call.arguments), ("t0", "look", "{\"at\":1}"));
            assert_eq!(choice.finish_reason.as_deref(), Some("tool_use"));
            assert_eq!(
                (result.model.as_deref(), result.usage.clone()),
                (Some("m-1"), Some(Usage::new(7, 5)))
            );
            assert_eq!((result.response_id.as_deref(), result.tokens), (Some("msg_1"), 4));
        }
    });
}

/// A stream without any item, not even an end mark, is an error. A batch returns that error too.
#[test]
fn case_30_an_empty_stream_is_an_error() {
    everywhere(|recorders| async move {
        let (_, mut model) = recorders.model(Script::new().respond());
        let (got, error) = read(call(&mut model).await.unwrap()).await;
        assert!(got.is_empty() && error.is_none(), "the stream is unchanged");
        recorders.ended(Some(ErrorKind::Truncated)).await;
        let batch = Batch::new().run(&model, [prompt("Hi")]).await.unwrap();
        let error = batch.into_results().unwrap_err().into_inner();
        assert!(error.is::<Truncated>(), "{error}");
        settled(&recorders.callbacks).await;
        for (mode, recorder) in &recorders.each {
            let one = [EventKind::LlmStart, EventKind::LlmError];
            assert_eq!(recorder.kinds(), [one, one].concat(), "{mode:?}");
        }
    });
    // Where answers have no end mark, an empty stream is an empty answer.
    everywhere(|recorders| async move {
        let layer = recorders.layer().extract(
            |_: &String| LlmStart::new("a", "b"),
            |word: &String, each: &mut dyn FnMut(Delta<'_>)| each(Delta::text(word)),
        );
        let nothing = service_fn(|_: String| async {
            Ok::<_, BoxError>(stream::empty::<Result<String, BoxError>>())
        });
        let mut answer = boxed(layer.layer(nothing)).oneshot(String::new()).await.unwrap();
        assert!(answer.next().await.is_none());
        let end = recorders.ended(None).await;
        assert_eq!((end.result().unwrap().text(), end.result().unwrap().tokens), ("", 0));
    });
}

/// A cancelled reader's task is cancelled and the model dropped. A cancelled producer's error reaches the
/// reader.
#[test]
fn case_31_a_cancellation_stays_a_cancellation() {
    everywhere(|recorders| async move {
        let (inner, mut model) = recorders.model(Script::new().respond().text("a").hang());
        let task = tokio::spawn(async move { read(call(&mut model).await.unwrap()).await });
        until(|| recorders.each.iter().all(|(_, recorder)| recorder.text() == "a")).await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(inner.live(), 0);
        let end = recorders.ended(Some(ErrorKind::Cancelled)).await;
        assert_eq!(end.result().unwrap().text(), "a");
    });
    everywhere(|recorders| async move {
        let produced = |_: ChatRequest| async {
            let producer = tokio::spawn(std::future::pending::<ChatChunk>());
            producer.abort();
            let text = stream::iter([Ok::<_, BoxError>(Delta::text("a"))]);
            Ok::<_, BoxError>(text.chain(producer.map(|made| Ok(made?)).into_stream()).boxed())
        };
        let model = boxed(recorders.layer().layer(service_fn(produced)));
        let (got, error) = read(model.oneshot(request()).await.unwrap()).await;
        assert_eq!(got.len(), 1);
        assert!(error.unwrap().downcast::<JoinError>().unwrap().is_cancelled());
        recorders.ended(Some(ErrorKind::Transport)).await;
        recorders.each.iter().for_each(|(_, recorder)| assert_promises(&recorder.events()));
    });
}
