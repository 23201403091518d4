//! Clients of reqwest's own types: a `FromReqwestLayer`, and the middleware.

use futures::future::BoxFuture;
use http::Extensions;
use reqwest::{Client, Request, Response};
use reqwest_middleware::{ClientBuilder, Next};
use serde_json::json;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt};
use tower_llm_callbacks::{
    Callbacks, ErrorKind, HttpCallbackLayer, RunLayer,
    model::{CallbackMiddleware, FromReqwestLayer, ReqwestService},
    testing::{Recorder, assert_promises},
};

fn request(base: &str, model: &str) -> Request {
    let body =
        json!({"model": model, "stream": true, "messages": [{"role": "user", "content": "Hi"}]});
    let request = Client::new().post(format!("{base}/v1/chat/completions"));
    request.header("content-type", "application/json").body(body.to_string()).build().unwrap()
}

fn ready() -> (Recorder, HttpCallbackLayer) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let recorder = Recorder::new();
    let layer = HttpCallbackLayer::new(Callbacks::new().inline(recorder.clone()));
    (recorder, layer)
}

/// Checks two calls inside a chain: an answer, and an error response.
fn assert_observed(recorder: &Recorder) {
    assert_promises(&recorder.events());
    let ends = recorder.terminals();
    let [answer, refusal, chain] = &ends[..] else { panic!("{ends:?}") };
    assert!(answer.result().unwrap().text().contains("bicycle"));
    let error = refusal.error().unwrap();
    assert_eq!((error.kind(), error.status()), (ErrorKind::Provider, Some(429)));
    for child in [answer, refusal] {
        assert_eq!(child.parent_run_id, Some(chain.run_id));
    }
}

#[tokio::test]
async fn requests_and_responses_are_of_reqwests_types() {
    let (recorder, layer) = ready();
    let base = simulated::serve().await.unwrap();
    // The request is made of something else, as async-openai does.
    let build = |(base, model): (String, &'static str)| async move {
        match model {
            "invalid" => Err("no such model".into()),
            model => Ok::<_, BoxError>(request(&base, model)),
        }
    };
    let mut http = ServiceBuilder::new()
        .layer(FromReqwestLayer::build(build))
        .layer(layer)
        .service(ReqwestService::new(Client::new()));
    let chain =
        RunLayer::chain("chain").inheritable_callbacks(Callbacks::new().inline(recorder.clone()));
    let calls = chain.run(async {
        let answer = http.ready().await?.call((base.clone(), "joker")).await?;
        assert_eq!(answer.url().path(), "/v1/chat/completions");
        assert!(answer.text().await?.contains("[DONE]"));
        let refusal = http.ready().await?.call((base.clone(), "error-429")).await?;
        let error = refusal.error_for_status_ref().unwrap_err();
        assert_eq!(error.url().unwrap().path(), "/v1/chat/completions");
        refusal.text().await?;
        // No run: there is no request.
        let error = http.ready().await?.call((base.clone(), "invalid")).await.unwrap_err();
        assert_eq!(error.to_string(), "no such model");
        Ok::<_, BoxError>(())
    });
    calls.await.unwrap();
    assert_observed(&recorder);
}

#[derive(Clone)]
struct Seen(u32);

/// A middleware below, which reads an extension and sets another.
fn below<'a>(
    request: Request,
    extensions: &'a mut Extensions,
    next: Next<'a>,
) -> BoxFuture<'a, reqwest_middleware::Result<Response>> {
    assert_eq!(extensions.get::<Seen>().map(|seen| seen.0), Some(1));
    extensions.insert(Seen(2));
    next.run(request, extensions)
}

#[tokio::test]
async fn a_middleware_observes_calls() {
    let (recorder, layer) = ready();
    let base = simulated::serve().await.unwrap();
    let client =
        ClientBuilder::new(Client::new()).with(CallbackMiddleware::new(layer)).with(below).build();
    let chain =
        RunLayer::chain("chain").inheritable_callbacks(Callbacks::new().inline(recorder.clone()));
    let calls = chain.run(async {
        let mut extensions = Extensions::new();
        extensions.insert(Seen(1));
        let answer =
            client.execute_with_extensions(request(&base, "joker"), &mut extensions).await?;
        assert_eq!(extensions.get::<Seen>().map(|seen| seen.0), Some(2));
        assert_eq!(answer.url().path(), "/v1/chat/completions");
        assert!(answer.text().await?.contains("[DONE]"));
        extensions.insert(Seen(1));
        let refusal =
            client.execute_with_extensions(request(&base, "error-429"), &mut extensions).await?;
        assert_eq!(refusal.status(), 429);
        refusal.text().await?;
        Ok::<_, BoxError>(())
    });
    calls.await.unwrap();
    assert_observed(&recorder);

    // An error of the client comes back as it was, and with its cause in the event.
    let mut extensions = Extensions::new();
    extensions.insert(Seen(1));
    let refused = request("http://127.0.0.1:1", "joker");
    let error = client.execute_with_extensions(refused, &mut extensions).await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");
    let message = recorder.terminals().pop().unwrap().error().unwrap().message().to_owned();
    assert!(message.contains("refused"), "{message}");
}
