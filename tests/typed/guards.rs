//! A guard, a handler that aborts a call because of a token, keeps that token from the consumer.

use futures::StreamExt;
use http::StatusCode;
use tower::{Layer, Service, ServiceExt};
use tower_llm_callbacks::{
    Abort, Aborted, AsyncCallbackHandler, CallbackHandler, CallbackLayer, Callbacks, ErrorKind,
    Registration, Run, Token,
    chat::ChatRequest,
    testing::{Recorder, Script, ScriptedModel, assert_promises},
};

struct Guard;

fn look(run: &Run, token: &Token) {
    if token.text() == "secret" {
        run.abort(Abort::new("a secret in the answer").status(StatusCode::UNPROCESSABLE_ENTITY));
    }
}

impl CallbackHandler for Guard {
    fn on_llm_new_token(&self, run: &Run, token: &Token) {
        look(run, token);
    }
}

impl AsyncCallbackHandler for Guard {
    async fn on_llm_new_token(&self, run: &Run, token: &Token) {
        tokio::task::yield_now().await;
        look(run, token);
    }
}

#[tokio::test]
async fn the_chunk_a_guard_aborts_on_does_not_reach_the_consumer() {
    for guard in [
        Registration::inline(Guard),
        Registration::blocking(Guard).lockstep(),
        Registration::async_handler(Guard).lockstep(),
    ] {
        let recorder = Recorder::new();
        let callbacks = Callbacks::new().add(guard).inline(recorder.clone());
        let model = ScriptedModel::new(Script::answer(["The ", "secret", " is"]));
        let mut layered = CallbackLayer::new(callbacks).layer(model.clone());
        let request = ChatRequest::new("any").user("What is it?");
        let mut answer = layered.ready().await.unwrap().call(request).await.unwrap();

        let first = answer.next().await.unwrap().unwrap();
        assert_eq!(first.content(), Some("The "));
        let error = answer.next().await.unwrap().unwrap_err();
        let aborted = error.downcast_ref::<Aborted>().unwrap();
        assert_eq!(aborted.abort().reason(), "a secret in the answer");
        assert_eq!(aborted.abort().status_code(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(model.live(), 0);
        assert!(answer.next().await.is_none());

        assert_promises(&recorder.events());
        let terminal = &recorder.terminals()[0];
        let error = terminal.error().unwrap();
        assert_eq!((error.kind(), error.status()), (ErrorKind::Aborted, Some(422)));
        // Handlers have received the token, so the result contains it.
        assert_eq!(error.result().unwrap().text(), "The secret");
    }
}
