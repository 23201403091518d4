//! The error of an attempt may quote the prompt or the answer, so it is content.

use support::{everywhere, on_each_runtime};
use tower::{Layer, ServiceBuilder, retry::RetryLayer};
use tower_llm_callbacks::{
    AttemptsLayer, CallbackLayer, Callbacks, ContentCapture, ProviderError,
    testing::{Recorder, Script, ScriptedModel},
};

use super::{Retries, ask, once, retries, runs};

/// Fails in two ways that quote the prompt.
fn quoting() -> ScriptedModel {
    let filtered = ProviderError::new("'my secret' was filtered").status(400);
    ScriptedModel::new([
        Script::new().fail("could not send 'my secret'").respond(),
        Script::new().provider_error(filtered).respond(),
        Script::answer(["a"]),
    ])
}

fn errors(recorder: &Recorder) -> Vec<String> {
    let runs = runs(recorder);
    runs.iter().flat_map(|run| retries(run)).map(|(_, retry)| retry.error.to_string()).collect()
}

#[test]
fn a_retrys_error_follows_the_content_setting() {
    let expected = [
        (ContentCapture::Full, ["could not send 'my secret'", "'my secret' was filtered"]),
        (ContentCapture::Limited(9), ["could not", "'my secre"]),
        (ContentCapture::Off, ["the message is not captured", "HTTP status 400"]),
    ];
    for (content, expected) in expected {
        everywhere(move |recorders| async move {
            let model = ServiceBuilder::new()
                .layer(AttemptsLayer::new())
                .layer(RetryLayer::new(Retries(5)))
                .layer(recorders.layer().content(content))
                .service(quoting());
            ask(model).await.unwrap();
            super::flushed(&recorders).await;
            for (_, recorder) in &recorders.each {
                assert_eq!(errors(recorder), expected);
            }
        });
    }
}

/// A fallback may capture less content than the model before it. The retry then carries no more than the
/// fallback's own setting allows.
#[test]
fn a_retry_follows_the_stricter_content_setting() {
    use ContentCapture::{Full, Limited, Off};
    let refused = ["could not send 'my secret'", "could not", "the message is not captured"];
    let cases = [
        (Full, Full, refused[0]),
        (Full, Limited(9), refused[1]),
        (Full, Off, refused[2]),
        (Limited(9), Full, refused[1]),
        (Limited(9), Limited(100), refused[1]),
        (Limited(9), Off, refused[2]),
        (Off, Full, refused[2]),
        (Off, Limited(100), refused[2]),
        (Off, Off, refused[2]),
    ];
    on_each_runtime(move || async move {
        for (from, to, expected) in cases {
            let recorder = Recorder::new();
            let layer = |content| {
                let layer = CallbackLayer::new(Callbacks::new().inline(recorder.clone()));
                layer.content(content)
            };
            let first = layer(from).layer(quoting());
            let second = layer(to).layer(ScriptedModel::new(Script::answer(["a"])));
            let fallback = tower::service_fn(move |()| {
                let (first, second) = (ask(first.clone()), second.clone());
                async move {
                    assert!(first.await.is_err());
                    ask(second).await
                }
            });
            once(AttemptsLayer::new().layer(fallback), ()).await.unwrap();
            assert_eq!(errors(&recorder), [expected], "{from:?} to {to:?}");
        }
    });
}

/// Other facts are always reported: that a call was dropped, or the reason of an abort.
#[test]
fn an_abort_reason_is_not_content() {
    on_each_runtime(|| async {
        let recorder = Recorder::new();
        let callbacks = Callbacks::new().inline(recorder.clone());
        let aborts = tower_llm_callbacks::on_event(|run, event| {
            if event.kind().is_start() && run.attempt() == 1 {
                run.abort(tower_llm_callbacks::Abort::new("budget spent"));
            }
        });
        let layer = CallbackLayer::new(callbacks.inline(aborts)).content(ContentCapture::Off);
        let model = ServiceBuilder::new()
            .layer(AttemptsLayer::new())
            .layer(RetryLayer::new(Retries(5)))
            .layer(layer)
            .service(ScriptedModel::new(Script::answer(["a"])));
        ask(model).await.unwrap();
        assert_eq!(errors(&recorder), ["budget spent"]);
    });
}

/// Secrets are redacted before any handler receives them.
#[test]
fn secrets_are_redacted() {
    on_each_runtime(|| async {
        let recorder = Recorder::new();
        let key = "sk-abcdefghijklmnopqrstuvwx";
        let script = Script::new().fail(format!("no access with {key}")).respond();
        let model = ServiceBuilder::new()
            .layer(AttemptsLayer::new())
            .layer(RetryLayer::new(Retries(5)))
            .layer(CallbackLayer::new(Callbacks::new().inline(recorder.clone())))
            .service(ScriptedModel::new([script, Script::answer(["a"])]));
        ask(model).await.unwrap();
        assert_eq!(errors(&recorder), ["no access with sk-[redacted]"]);
    });
}
