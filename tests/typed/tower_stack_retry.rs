//! All promises in stacks of tower's own layers: timeouts and retries, above and below the callback layer.

use std::time::Duration;

use futures::future::{Ready, ready};
use support::Mode;
use support::schedule::{
    Gate, MODES, Stuck, ask, assert_one_answer, completes, counting, layer, only_error, until,
    within,
};
use tower::{
    BoxError, ServiceBuilder,
    retry::{Policy, RetryLayer},
    timeout::{TimeoutLayer, error::Elapsed},
};
use tower_llm_callbacks::{
    AttemptsLayer, CallbackLayer, Callbacks, ErrorKind, EventKind, ProviderError,
    chat::ChatRequest,
    testing::{Script, ScriptedModel, assert_promises},
};

const SOON: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_timeout_above_cancels_the_run() {
    let (recorder, layer) = layer(Mode::AWAITED[2]);
    let scripted = ScriptedModel::new([Script::new().hang().respond(), counting(3)]);
    let mut model =
        ServiceBuilder::new().layer(TimeoutLayer::new(SOON)).layer(layer).service(scripted.clone());
    let error = within(ask(&mut model)).await.unwrap_err();
    assert!(error.is::<Elapsed>());
    until(|| !recorder.terminals().is_empty()).await;
    assert_eq!(only_error(&recorder), ErrorKind::Cancelled);
    assert_eq!(scripted.live(), 0, "upstream is cancelled");
    completes(&mut model).await;
}

#[tokio::test(start_paused = true)]
async fn a_timeout_above_includes_the_start_phase() {
    let gate = Gate::new();
    let stuck = Stuck::at(EventKind::LlmStart, &gate);
    let scripted = ScriptedModel::new(counting(3));
    let mut model = ServiceBuilder::new()
        .layer(TimeoutLayer::new(SOON))
        .layer(CallbackLayer::new(Callbacks::new().async_handler(stuck.clone())))
        .service(scripted.clone());
    assert!(within(ask(&mut model)).await.unwrap_err().is::<Elapsed>());
    assert_eq!(scripted.calls(), 0);
    gate.open();
    until(|| !stuck.returned.terminals().is_empty()).await;
    assert_eq!(only_error(&stuck.recorder), ErrorKind::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_below_is_a_transport_error() {
    let gate = Gate::new();
    let (recorder, layer) = layer(Mode::AWAITED[2]);
    let stuck = Stuck::at(EventKind::LlmStart, &gate);
    let mut model = ServiceBuilder::new()
        .layer(CallbackLayer::new(Callbacks::new().async_handler(stuck)))
        .layer(layer)
        .layer(TimeoutLayer::new(SOON))
        .service(ScriptedModel::new([Script::new().hang().respond(), counting(3)]));
    let opens = async {
        tokio::time::sleep(SOON * 10).await;
        gate.open();
    };
    // The timeout does not include the start phase above it.
    let (error, ()) = tokio::join!(within(ask(&mut model)), opens);
    assert!(error.unwrap_err().is::<Elapsed>());
    assert_eq!(only_error(&recorder), ErrorKind::Transport);
    completes(&mut model).await;
}

/// Retries a failed call, up to this many times.
#[derive(Clone)]
struct Retries(usize);

impl<S> Policy<ChatRequest, S, BoxError> for Retries {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _: &mut ChatRequest,
        result: &mut Result<S, BoxError>,
    ) -> Option<Self::Future> {
        if result.is_ok() || self.0 == 0 {
            return None;
        }
        self.0 -= 1;
        Some(ready(()))
    }

    fn clone_request(&mut self, request: &ChatRequest) -> Option<ChatRequest> {
        Some(request.clone())
    }
}

fn failing_twice() -> ScriptedModel {
    ScriptedModel::new([
        Script::new().fail("refused").respond(),
        Script::new().provider_error(ProviderError::new("overloaded")).respond(),
        counting(3),
    ])
}

#[tokio::test]
async fn a_retry_above_makes_one_run_of_each_attempt() {
    for mode in MODES {
        for counted in [false, true] {
            let (recorder, layer) = layer(mode);
            let scripted = failing_twice();
            let mut model = ServiceBuilder::new()
                .option_layer(counted.then(AttemptsLayer::new))
                .layer(RetryLayer::new(Retries(5)))
                .layer(layer)
                .service(scripted.clone());
            completes(&mut model).await;
            assert_eq!(scripted.calls(), 3);
            assert_promises(&recorder.events());
            let ends: Vec<_> = recorder.terminals();
            let how: Vec<_> = ends
                .iter()
                .map(|end| (end.error().map(|error| error.kind()), end.attempt))
                .collect();
            let attempts = if counted { [1, 2, 3] } else { [1, 1, 1] };
            assert_eq!(
                how,
                [
                    (Some(ErrorKind::Transport), attempts[0]),
                    (Some(ErrorKind::Provider), attempts[1]),
                    (None, attempts[2]),
                ]
            );
            assert!(ends.iter().all(|end| end.parent_run_id.is_none()), "siblings, not children");
            completes(&mut model).await;
            assert_eq!(recorder.terminals()[3].attempt, 1, "the next call starts at 1");
        }
    }
}

#[tokio::test]
async fn a_retry_below_is_one_run() {
    for mode in MODES {
        let (recorder, layer) = layer(mode);
        let scripted = failing_twice();
        let mut model = ServiceBuilder::new()
            .layer(layer)
            .layer(RetryLayer::new(Retries(5)))
            .service(scripted.clone());
        completes(&mut model).await;
        assert_eq!(scripted.calls(), 3);
        assert_one_answer(&recorder);
        assert_eq!(recorder.events()[0].attempt, 1);
    }
}

#[tokio::test]
async fn a_retry_between_two_layers_makes_attempts_children() {
    let (above, outer) = layer(MODES[1]);
    let (below, inner) = layer(MODES[2]);
    let mut model = ServiceBuilder::new()
        .layer(outer)
        .layer(AttemptsLayer::new())
        .layer(RetryLayer::new(Retries(5)))
        .layer(inner)
        .service(failing_twice());
    completes(&mut model).await;
    assert_one_answer(&above);
    let outer = above.run_ids()[0];
    let starts = below.events().into_iter().filter(|event| event.kind().is_start());
    let starts: Vec<_> = starts.map(|start| (start.parent_run_id, start.attempt)).collect();
    assert_eq!(starts, [1, 2, 3].map(|attempt| (Some(outer), attempt)));
}
