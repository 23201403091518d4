//! Paths that several APIs have: the body decides whose call it is, or that it is none.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::FutureExt;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use support::http::{Scripted, Step, data};
use support::{Mode, Recorders};
use tower::{BoxError, Layer, service_fn};
use tower_llm_callbacks::{
    CallbackHandler, Callbacks, Event, EventData, EventMask, HttpCallbackLayer, LlmStart, Run,
    RunConfig,
    http_layer::RequestBody,
    wire::{Call, Decoder, Format, LlmHttpRequest, LlmHttpResponse},
};

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

/// Notes the starts of runs of one type. It wants no others.
struct Only(EventMask, Arc<Mutex<Vec<(String, String)>>>);

impl CallbackHandler for Only {
    fn event_mask(&self) -> EventMask {
        self.0
    }

    fn on_event(&self, run: &Run, event: &Event) {
        if !event.kind().is_terminal() {
            let seen = (run.run_type().as_str().to_owned(), run.name().to_owned());
            self.1.lock().unwrap().push(seen);
        }
    }
}

/// The body says of which type the run is, so it also says which handlers are notified.
#[tokio::test]
async fn the_body_decides_the_type_of_the_run() {
    for (body, run_type) in [
        (r#"{"input":"Hi"}"#, "embedding"),
        (r#"{"messages":[{"role":"user","content":"Hi"}]}"#, "llm"),
    ] {
        let seen = [EventMask::EMBEDDING, EventMask::LLM].map(|mask| (mask, Arc::default()));
        let callbacks = seen.iter().fold(Callbacks::new(), |callbacks, (mask, notes)| {
            callbacks.inline(Only(*mask, Arc::clone(notes)))
        });
        let server = service_fn(|_: Request<RequestBody<Scripted>>| async {
            Ok::<_, BoxError>(Response::new(Full::<Bytes>::from("{}")))
        });
        let (start, end) = body.split_at(9);
        let steps = [data(start.to_owned()), Step::Wait, data(end.to_owned())];
        let request = Request::post("/serving-endpoints/e/invocations").body(Scripted::new(steps));
        let service = HttpCallbackLayer::new(callbacks).layer(server);
        service.oneshot(request.unwrap()).await.unwrap().into_body().collect().await.unwrap();
        let noted: Vec<_> =
            seen.iter().flat_map(|(_, notes)| notes.lock().unwrap().clone()).collect();
        // A run that nobody has named has the name of its type.
        assert_eq!(noted, [(run_type.to_owned(), run_type.to_owned())]);
    }
}

/// A format that reads nothing leaves a request to the next one, and the first pattern counts.
#[tokio::test]
async fn the_next_format_is_asked() {
    #[derive(Debug)]
    struct Never(&'static str);

    impl Format for Never {
        fn matches(&self, _: &Method, _: &str) -> bool {
            true
        }

        fn describe(&self, _: &LlmHttpRequest<'_>) -> Call {
            Call::unobserved().counted_as(self.0)
        }

        fn start(&self, _: &LlmHttpRequest<'_>) -> LlmStart {
            unreachable!("it has no calls")
        }

        fn decoder(&self, _: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
            unreachable!("it has no calls")
        }

        fn error_body(&self, _: StatusCode, _: &str) -> Vec<u8> {
            unreachable!("it has no calls")
        }
    }

    for (path, runs) in [("/v1/chat/completions", 1), ("/v1/other", 0)] {
        let recorders = Recorders::new(&[Mode::Inline]);
        let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
        let layer = layer.format(Never("second")).format(Never("first"));
        let server = service_fn(|_: Request<RequestBody<Scripted>>| async {
            Ok::<_, BoxError>(Response::new(Full::<Bytes>::from("{}")))
        });
        let request = Request::post(path).body(Scripted::new([data("{}")])).unwrap();
        layer
            .clone()
            .layer(server)
            .oneshot(request)
            .await
            .unwrap()
            .into_body()
            .collect()
            .await
            .unwrap();
        assert_eq!(recorders.each[0].1.terminals().len(), runs, "{path}");
        let counted: Vec<_> =
            layer.stats().unobserved.iter().map(|it| it.path.to_string()).collect();
        assert_eq!(counted.len(), 1 - runs, "{path}");
        assert!(counted.iter().all(|pattern| pattern == "first"), "{counted:?}");
    }
}
