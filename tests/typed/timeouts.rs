//! `StreamTimeoutLayer`, below and above a callback layer, in paused time.

use std::time::Duration;

use futures::StreamExt;
use support::{Flavor, MODES, Recorders, request};
use tower::{BoxError, Layer, Service, ServiceExt};
use tower_llm_callbacks::{
    CallbackLayer, Delta, ErrorKind,
    chat::ChatChunk,
    testing::{Script, ScriptedModel},
    timeout::{StreamTimedOut, StreamTimeoutLayer},
};

const SECOND: Duration = Duration::from_secs(1);

fn layer() -> StreamTimeoutLayer {
    StreamTimeoutLayer::new().first(10 * SECOND).between(3 * SECOND)
}

/// A script, when it is given up, whether the answer had begun, and its text.
fn late() -> Vec<(Script, Duration, bool, &'static str)> {
    let begun = || Script::new().pause(9 * SECOND).respond().text("a");
    vec![
        (Script::new().hang(), 10 * SECOND, false, ""),
        (Script::new().pause(4 * SECOND).respond().hang(), 10 * SECOND, false, ""),
        (
            Script::new().pause(4 * SECOND).respond().pause(7 * SECOND).text("a"),
            10 * SECOND,
            false,
            "",
        ),
        (begun().hang(), 12 * SECOND, true, "a"),
        (begun().pause(2 * SECOND).text("b").pause(4 * SECOND).text("c"), 14 * SECOND, true, "ab"),
    ]
}

async fn read<S, St>(mut model: S) -> (Vec<ChatChunk>, Option<BoxError>)
where
    S: Service<tower_llm_callbacks::chat::ChatRequest, Response = St, Error = BoxError>,
    St: futures::Stream<Item = Result<ChatChunk, BoxError>> + Unpin,
{
    let mut chunks = Vec::new();
    let mut stream = match model.ready().await.unwrap().call(request()).await {
        Ok(stream) => stream,
        Err(error) => return (chunks, Some(error)),
    };
    while let Some(item) = stream.next().await {
        match item {
            Ok(chunk) => chunks.push(chunk),
            Err(error) => {
                assert!(stream.next().await.is_none(), "the error is the last item");
                return (chunks, Some(error));
            }
        }
    }
    (chunks, None)
}

fn paused(test: impl Future<Output = ()>) {
    let mut builder = Flavor::Current.builder();
    builder.enable_all().start_paused(true).build().unwrap().block_on(test);
}

#[test]
fn below_a_callback_layer_the_run_ends_in_a_transport_error() {
    paused(async {
        for (script, after, began, text) in late() {
            let recorders = Recorders::new(&MODES);
            let inner = ScriptedModel::new(script);
            let model = recorders.layer().layer(layer().layer(inner.clone()));
            let start = tokio::time::Instant::now();
            let (_, error) = read(model).await;
            assert_eq!(start.elapsed(), after);
            let error = error.expect("it is late");
            assert_eq!(error.downcast_ref::<StreamTimedOut>().unwrap().began(), began);
            assert_eq!(inner.live(), 0, "the inner call is dropped");
            let end = recorders.ended(Some(ErrorKind::Transport)).await;
            assert_eq!(end.error().unwrap().message(), error.to_string());
            assert_eq!(end.result().unwrap().text(), text);
        }
    });
}

#[test]
fn above_a_callback_layer_the_run_is_cancelled() {
    paused(async {
        for (script, after, _, text) in late() {
            let recorders = Recorders::new(&MODES);
            let inner = ScriptedModel::new(script);
            let model = layer().layer(recorders.layer().layer(inner.clone()));
            let start = tokio::time::Instant::now();
            assert!(read(model).await.1.is_some());
            assert_eq!(start.elapsed(), after);
            assert_eq!(inner.live(), 0);
            let end = recorders.ended(Some(ErrorKind::Cancelled)).await;
            assert_eq!(end.result().unwrap().text(), text);
        }
    });
}

/// An answer in time passes, however long it takes in all and however slow its consumer is.
#[test]
fn an_answer_in_time_is_unchanged() {
    paused(async {
        let script = (0..100).fold(Script::new().pause(9 * SECOND).respond(), |script, _| {
            script.text("a").pause(2 * SECOND)
        });
        let bare = ScriptedModel::new(script.clone().complete("stop"));
        let timed = layer().layer(ScriptedModel::new(script.clone().complete("stop")));
        let bare = CallbackLayer::new(tower_llm_callbacks::Callbacks::new()).layer(bare);
        let (chunks, error) = read(timed).await;
        assert!(error.is_none());
        assert_eq!(chunks, read(bare).await.0);

        let mut timed = layer().layer(ScriptedModel::new(Script::answer(["a", "b"])));
        let mut stream = timed.ready().await.unwrap().call(request()).await.unwrap();
        while let Some(item) = stream.next().await {
            item.unwrap();
            tokio::time::sleep(100 * SECOND).await;
        }
    });
}

/// Finished, and then silent: the answer is complete, though its stream ends in an error.
#[test]
fn a_finished_answer_that_goes_silent_is_complete() {
    paused(async {
        let recorders = Recorders::new(&MODES);
        let script = Script::new().respond().text("a").chunk(Delta::finish("stop")).hang();
        let model = recorders.layer().layer(layer().layer(ScriptedModel::new(script)));
        assert!(read(model).await.1.unwrap().is::<StreamTimedOut>());
        recorders.ended(None).await;
    });
}

#[test]
fn without_limits_nothing_is_late() {
    paused(async {
        let script = Script::new().pause(1_000_000 * SECOND).respond().text("a");
        let script = script.pause(1_000_000 * SECOND).complete("stop");
        let model = StreamTimeoutLayer::new().layer(ScriptedModel::new(script));
        assert!(read(model).await.1.is_none());
    });
}
