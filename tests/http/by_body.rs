//! Paths that several APIs have: the body decides whose call it is, or that it is none.

use std::sync::Mutex;

use bytes::Bytes;
use futures::FutureExt;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use support::http::{Scripted, Step, data};
use support::{Mode, Recorders};
use tower::{BoxError, Layer, service_fn};
use tower_llm_callbacks::{EventData, HttpCallbackLayer, RunConfig, http_layer::RequestBody};

/// Sends a request whose body comes in these steps. Returns provider and API of its run, and the number of unobserved
/// requests.
async fn sent(path: &str, steps: Vec<Step>) -> (Option<(String, String)>, u64) {
    let recorders = Recorders::new(&[Mode::Inline]);
    let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
    let bytes = |step: &Step| match step {
        Step::Data(data) => data.to_vec(),
        _ => vec![],
    };
    let expected: Vec<u8> = steps.iter().flat_map(bytes).collect();
    let observed = Mutex::new(false);
    let server = service_fn(|request: Request<RequestBody<Scripted>>| {
        // What the caller configured is taken out for a run only.
        *observed.lock().unwrap() = request.extensions().get::<RunConfig>().is_none();
        let expected = expected.clone();
        async move {
            let received = request.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(received, expected, "the request is unchanged");
            Ok::<_, BoxError>(Response::new(Full::<Bytes>::from("{}")))
        }
    });
    let request = Request::post(path).extension(RunConfig::new()).body(Scripted::new(steps));
    let response = layer.clone().layer(server).oneshot(request.unwrap()).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "{}");
    let events = recorders.each[0].1.events();
    let start = events.first().map(|event| match &event.data {
        EventData::LlmStart(start) | EventData::ModelStart(_, start) => {
            (start.provider.to_string(), start.api.to_string())
        }
        other => panic!("{other:?}"),
    });
    assert_eq!(*observed.lock().unwrap(), start.is_some(), "{path}");
    (start, layer.stats().unobserved.iter().map(|it| it.requests).sum())
}

#[tokio::test]
async fn the_body_decides_whose_call_it_is() {
    for (path, body, expected) in [
        ("/v1/chat", r#"{"message":"Hi"}"#, Some(("cohere", "chat"))),
        ("/v1/chat", r#"{"messages":[]}"#, Some(("openai", "chat_completions"))),
        ("/v1/chat", r#"{"message":null}"#, None),
        ("/v1/generate", r#"{"prompt":"Hi"}"#, Some(("cohere", "generate"))),
        ("/v1/generate", r#"{"inputs":"Hi"}"#, Some(("hugging_face", "generate"))),
        (
            "/v1/conversations",
            r#"{"inputs":"Hi","model":"m"}"#,
            Some(("mistral_ai", "conversations")),
        ),
        ("/v1/conversations", r#"{"items":[],"metadata":{}}"#, None),
        ("/v1/conversations", "", None),
        ("/v1/conversations/conv_1", r#"{"metadata":{}}"#, None),
        (
            "/serving-endpoints/e/invocations",
            r#"{"messages":[]}"#,
            Some(("databricks", "chat_completions")),
        ),
        (
            "/serving-endpoints/e/invocations",
            r#"{"input":[{"role":"user"}]}"#,
            Some(("databricks", "responses")),
        ),
        (
            "/serving-endpoints/e/invocations",
            r#"{"input":"Hi","max_output_tokens":5}"#,
            Some(("databricks", "responses")),
        ),
        (
            "/serving-endpoints/e/invocations",
            r#"{"input":["Hi","you"]}"#,
            Some(("databricks", "embeddings")),
        ),
        (
            "/serving-endpoints/e/invocations",
            r#"{"input":"Hi"}"#,
            Some(("databricks", "embeddings")),
        ),
        ("/serving-endpoints/e/invocations", r#"{"dataframe_split":{}}"#, None),
    ] {
        let expected = expected.map(|(provider, api)| (provider.to_owned(), api.to_owned()));
        let unobserved = u64::from(expected.is_none());
        // At once, and in pieces that have to be waited for.
        let at_once = vec![data(body)];
        assert_eq!(sent(path, at_once).await, (expected.clone(), unobserved), "{path} {body}");
        let (start, end) = body.split_at(body.len() / 2);
        let later = vec![Step::Wait, data(start.to_owned()), Step::Wait, data(end.to_owned())];
        assert_eq!(sent(path, later).await, (expected, unobserved), "{path} {body}, in pieces");
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_is_observed_if_the_body_was_that_of_one() {
    for (body, runs) in [(r#"{"inputs":"Hi","store":"#, 1), (r#"{"metadata":"#, 0)] {
        let recorders = Recorders::new(&[Mode::Inline]);
        let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
        let server = service_fn(|_: Request<RequestBody<Scripted>>| async {
            Ok::<_, BoxError>(Response::new(Full::<Bytes>::default()))
        });
        let steps = [data(body), Step::Hang];
        let request = Request::post("/v1/conversations").body(Scripted::new(steps)).unwrap();
        assert!(layer.layer(server).oneshot(request).now_or_never().is_none());
        assert_eq!(recorders.each[0].1.terminals().len(), runs, "{body}");
    }
}
