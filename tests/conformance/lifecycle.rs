//! C: from the start of a run to its end.

use std::collections::BTreeSet;

use futures::future::join;
use support::{call, everywhere, read, request};
use tower::{BoxError, Layer, Service, ServiceExt};
use tower_llm_callbacks::{
    Delta, ErrorKind, EventData, EventKind, RunConfig, RunLayer, TokenKind,
    batch::Batch,
    chat::{self, ChatChunk},
    testing::{Recorded, Recorder, Script, ScriptedModel, assert_promises},
};
use uuid::Uuid;

use super::{asked, prompt, settled};

/// Returns the prompts of all runs, by run id.
fn prompts(recorder: &Recorder) -> BTreeSet<(Uuid, String)> {
    let prompt = |event: &Recorded| match &event.data {
        EventData::LlmStart(start) => Some((event.run_id, asked(start))),
        _ => None,
    };
    recorder.events().iter().filter_map(prompt).collect()
}

/// Invoked, streamed or in a batch, each call with one prompt is a run of its own.
#[test]
fn case_14_each_call_of_a_batch_is_a_run() {
    everywhere(|recorders| async move {
        let (_, mut model) = recorders.model(Script::answer(["a"]));
        let invoked = model.ready().await.unwrap().call(prompt("invoked")).await.unwrap();
        chat::collect(invoked).await.unwrap();
        let streamed = model.ready().await.unwrap().call(prompt("streamed")).await.unwrap();
        assert!(read(streamed).await.1.is_none());
        let batch = Batch::new().run(&model, ["one", "two", "three"].map(prompt)).await.unwrap();
        settled(&recorders.callbacks).await;
        recorders.faults.none();
        let ids: Vec<_> = batch.run_ids.iter().map(|id| id.unwrap()).collect();
        for (mode, recorder) in &recorders.each {
            assert_promises(&recorder.events());
            let prompts = prompts(recorder);
            assert_eq!(recorder.run_ids().len(), 5, "{mode:?}");
            assert_eq!(prompts.len(), 5, "{mode:?}");
            assert_eq!(recorder.terminals().len(), 5, "{mode:?}");
            for (id, text) in ids.iter().zip(["one", "two", "three"]) {
                assert!(prompts.contains(&(*id, text.to_owned())), "{mode:?}");
            }
        }
    });
}

/// A run id set by the caller is that of the run, invoked, streamed or in a batch. With several runs, the
/// first takes it.
#[test]
fn case_15_a_run_takes_the_callers_id() {
    everywhere(|recorders| async move {
        let [invoked, streamed, whole, one, two] = [(); 5].map(|()| Uuid::now_v7());
        let id = |id| RunConfig::new().run_id(id);
        let chain = RunLayer::chain("chain").callbacks(&recorders.callbacks);
        let run = id(invoked).sync_scope(|| chain.run(async { Ok::<_, BoxError>(()) }));
        run.await.unwrap();
        let (_, mut model) = recorders.model(Script::answer(["a"]));
        let ready = model.ready().await.unwrap();
        read(id(streamed).call(ready, request()).await.unwrap()).await;

        let mut requests = ["one", "two", "three"].map(prompt);
        requests[0].extensions.insert(id(one));
        requests[1].extensions.insert(id(two));
        let generate = Batch::new().callbacks(&recorders.callbacks);
        // In an async block: a run starts where its service is called.
        let batch = id(whole).scope(async { generate.run(&model, requests).await }).await.unwrap();
        assert_eq!(batch.run_ids[..2], [Some(one), Some(two)]);
        settled(&recorders.callbacks).await;
        recorders.faults.none();
        for (mode, recorder) in &recorders.each {
            assert_promises(&recorder.events());
            let ids = recorder.run_ids();
            let third = batch.run_ids[2].unwrap();
            let expected = BTreeSet::from([invoked, streamed, whole, one, two, third]);
            assert_eq!(BTreeSet::from_iter(ids), expected, "{mode:?}");
            assert_eq!(recorder.run(whole)[0].name, "generate", "{mode:?}");
            assert_eq!(recorder.run(third)[0].parent_run_id, Some(whole), "{mode:?}");
        }
    });
}

/// An error after some chunks is one error event, which carries exactly the chunks before it.
#[test]
fn case_16_an_error_carries_the_chunks_before_it() {
    const TEXTS: [&str; 3] = ["a", "b", "c"];
    for before in 0..=TEXTS.len() {
        everywhere(move |recorders| async move {
            let texts = &TEXTS[..before];
            let script =
                texts.iter().fold(Script::new().respond(), |script, text| script.text(*text));
            let (_, mut model) =
                recorders.model(script.fail("reset").text("after").complete("stop"));
            let (got, error) = read(call(&mut model).await.unwrap()).await;
            assert_eq!((got.len(), error.unwrap().to_string()), (before, "reset".to_owned()));
            let end = recorders.ended(Some(ErrorKind::Transport)).await;
            assert_eq!(end.kind(), EventKind::LlmError);
            assert_eq!(end.result().unwrap().text(), texts.concat());
            assert_eq!(end.result().unwrap().tokens, before as u64);
            for (mode, recorder) in &recorders.each {
                assert_eq!(recorder.text(), texts.concat(), "{mode:?}");
            }
        });
    }
}

/// The answer of a model that does not stream is one chunk and no token: only the end carries it.
#[test]
fn case_17_an_unstreamed_answer_has_no_tokens() {
    everywhere(|recorders| async move {
        let whole = Script::new().respond().chunk(Delta::NotStreamed).text("all of it");
        let (_, mut model) = recorders.model(whole.complete("stop"));
        let answer = model.ready().await.unwrap().call(request().stream(false)).await.unwrap();
        let (got, error) = read(answer).await;
        assert!(error.is_none());
        assert_eq!(got.iter().filter_map(ChatChunk::content).collect::<Vec<_>>(), ["all of it"]);
        let end = recorders.ended(None).await;
        let result = end.result().unwrap();
        assert_eq!((result.text(), result.streamed, result.tokens), ("all of it", false, 0));
        assert_eq!(result.choices[0].finish_reason.as_deref(), Some("stop"));
        assert_eq!(result.time_to_first_token, None);
        for (mode, recorder) in &recorders.each {
            assert_eq!(recorder.kinds(), [EventKind::LlmStart, EventKind::LlmEnd], "{mode:?}");
            let EventData::LlmStart(start) = &recorder.events()[0].data else { unreachable!() };
            assert!(!start.stream, "{mode:?}");
        }
    });
}

/// All tokens of an answer belong to one run, and its result has one response id, also when two answers
/// arrive at once.
#[test]
fn case_18_all_tokens_of_an_answer_belong_to_its_run() {
    let answer = |id: &'static str, texts: [&'static str; 3]| {
        let response = |id: &'static str| Delta::Response { id: Some(id.into()), model: None };
        let start = Script::new().respond().chunk(response(id));
        let script = texts.into_iter().fold(start, |script, text| script.text(text).yields());
        // Some vendors send another id at the end.
        script.chunk(response("late")).complete("stop")
    };
    everywhere(move |recorders| async move {
        let answers = [answer("msg_1", ["a", "b", "c"]), answer("msg_2", ["x", "y", "z"])];
        let mut first = recorders.layer().layer(ScriptedModel::new(answers));
        let mut second = first.clone();
        let reads = async |model| read(call(model).await.unwrap()).await;
        join(reads(&mut first), reads(&mut second)).await;
        settled(&recorders.callbacks).await;
        recorders.faults.none();
        for (mode, recorder) in &recorders.each {
            assert_promises(&recorder.events());
            let mut seen = BTreeSet::new();
            for id in recorder.run_ids() {
                let run = recorder.run(id);
                let text: String = run.iter().filter_map(Recorded::text).collect();
                let end = run.last().unwrap().result().unwrap();
                seen.insert((end.response_id.as_deref().unwrap().to_owned(), text));
                for (index, event) in run[1..run.len() - 1].iter().enumerate() {
                    let EventData::LlmNewToken(token) = &event.data else { panic!("{event:?}") };
                    assert_eq!((token.index(), token.kind()), (index as u64, TokenKind::Text));
                }
            }
            let expected = [("msg_1", "abc"), ("msg_2", "xyz")];
            let expected = expected.map(|(id, text)| (id.to_owned(), text.to_owned()));
            assert_eq!(seen, BTreeSet::from(expected), "{mode:?}");
        }
    });
}
