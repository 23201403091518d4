//! Typed models whose response is whole.

use std::future::pending;

use serde_json::json;
use support::{MODES, Mode, Recorders, on_each_runtime};
use tower::{BoxError, Layer, service_fn};
use tower_llm_callbacks::{
    Abort, Aborted, Callbacks, Delta, ErrorKind, EventData, LlmStart, Prompt, ProviderError, Run,
    RunType, Usage, layer::ModelLayer, on_event, testing::assert_promises,
};

type Texts = Vec<String>;

fn texts(texts: &[&str]) -> Texts {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

type Lengths = Vec<u64>;

fn described(texts: &Texts) -> LlmStart {
    LlmStart::new("acme", "embed").inputs(texts.len() as u64).messages(Prompt::json(json!(texts)))
}

fn facts(vectors: &Lengths, each: &mut dyn FnMut(Delta<'_>)) {
    each(Delta::Outputs { count: vectors.len() as u64, dimensions: Some(1) });
    let mut usage = Usage::default();
    usage.input_tokens = Some(vectors.iter().sum());
    each(Delta::usage(usage));
    match vectors.as_slice() {
        [13] => each(Delta::Error(ProviderError::new("unlucky"))),
        [17] => panic!("scripted: the closure panics"),
        _ => {}
    }
}

async fn embed(texts: Texts) -> Result<Lengths, BoxError> {
    assert_eq!(Run::current().unwrap().run_type(), RunType::Embedding);
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    match texts.as_slice() {
        ["fail"] => Err("no route".into()),
        ["hang"] => pending().await,
        ["error"] => Ok(vec![13]),
        ["panic"] => Ok(vec![17]),
        texts => Ok(texts.iter().map(|text| text.len() as u64).collect()),
    }
}

#[test]
fn a_response_ends_its_run() {
    on_each_runtime(|| async {
        let recorders = Recorders::new(&MODES);
        let service = ModelLayer::embedding(recorders.callbacks.clone())
            .extract(described, facts)
            .layer(service_fn(embed))
            .checked::<Texts>();
        assert_eq!(service.clone().oneshot(texts(&["a", "bcd"])).await.unwrap(), [1, 3]);
        let error = service.clone().oneshot(texts(&["fail"])).await.unwrap_err();
        assert_eq!(error.to_string(), "no route");
        assert_eq!(service.clone().oneshot(texts(&["error"])).await.unwrap(), [13]);
        let hang = service.clone().oneshot(texts(&["hang"]));
        tokio::time::timeout(std::time::Duration::from_millis(1), hang).await.unwrap_err();
        let task = tokio::spawn(service.oneshot(texts(&["panic"])));
        assert!(task.await.unwrap_err().is_panic());
        assert!(recorders.callbacks.flush(support::PATIENCE).await.is_complete());
        for (mode, recorder) in &recorders.each {
            let events = recorder.events();
            assert_promises(&events);
            // Ids begin with the time.
            let mut terminals = recorder.terminals();
            terminals.sort_by_key(|event| event.run_id);
            let first = &recorder.run(terminals[0].run_id)[0];
            let EventData::ModelStart(RunType::Embedding, start) = &first.data else {
                panic!("{mode:?}: {events:?}")
            };
            assert_eq!(start.messages.get(), Some(&json!(["a", "bcd"])));
            let EventData::ModelEnd(_, result) = &terminals[0].data else { panic!("{events:?}") };
            assert_eq!((result.outputs, result.dimensions), (Some(2), Some(1)));
            assert_eq!(result.usage.as_ref().unwrap().input_tokens, Some(4));
            assert!(!result.streamed && result.request.is_some());
            let kinds: Vec<_> =
                terminals[1..].iter().map(|event| event.error().unwrap().kind()).collect();
            let expected =
                [ErrorKind::Transport, ErrorKind::Provider, ErrorKind::Cancelled, ErrorKind::Panic];
            assert_eq!(kinds, expected, "{mode:?}");
        }
    });
}

#[test]
fn an_abort_at_the_start_makes_no_call() {
    on_each_runtime(|| async {
        let recorders = Recorders::new(&[Mode::Inline]);
        let abort = on_event(|run, event| {
            if event.kind().is_start() {
                run.abort(Abort::new("over budget"));
            }
        });
        let callbacks: Callbacks = recorders.callbacks.clone().inline(abort);
        let never = service_fn(|_: Texts| async { Err::<Lengths, BoxError>("called".into()) });
        let service = ModelLayer::embedding(callbacks).extract(described, facts).layer(never);
        let error: BoxError = service.oneshot(texts(&["a"])).await.map(drop).unwrap_err();
        assert!(error.is::<Aborted>());
        let events = recorders.each[0].1.events();
        assert_promises(&events);
        assert_eq!(events[1].error().unwrap().kind(), ErrorKind::Aborted);
    });
}

#[test]
fn outputs_are_captured_if_asked_for() {
    let emit = |vectors: &Lengths, each: &mut dyn FnMut(Delta<'_>)| {
        for vector in vectors {
            each(Delta::output(json!([*vector, 0.5])));
        }
        facts(vectors, each);
    };
    on_each_runtime(|| async move {
        for capture in [false, true] {
            let recorders = Recorders::new(&MODES);
            let layer = ModelLayer::embedding(recorders.callbacks.clone()).capture_outputs(capture);
            let service = layer.extract(described, emit).layer(service_fn(embed));
            service.oneshot(texts(&["a", "bcd"])).await.unwrap();
            assert!(recorders.callbacks.flush(support::PATIENCE).await.is_complete());
            let expected = if capture { vec![json!([1, 0.5]), json!([3, 0.5])] } else { vec![] };
            for (mode, recorder) in &recorders.each {
                let terminals = recorder.terminals();
                assert_eq!(terminals[0].result().unwrap().output, expected, "{mode:?}");
            }
        }
    });
}
