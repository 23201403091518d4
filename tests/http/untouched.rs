//! Promise 4 over HTTP: a body behaves the same behind the layer, frame by frame, in both directions.
//! Requests that are not LLM calls are not inspected.

use std::{
    future::{Future, poll_fn, ready},
    pin::Pin,
    sync::{Arc, LazyLock, Mutex},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    Extensions, HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version,
};
use http_body::{Body, Frame, SizeHint};
use proptest::{collection::vec, option, prelude::*, sample::select};
use support::http::{
    HELLO, PROMPT, Reset, STOP, Scripted, Step, Upstream, WHOLE, data, prompt, trailers,
};
use support::{MODES, Mode, PATIENCE, Recorders};
use tokio::{runtime::Runtime, time::timeout};
use tower::{BoxError, Layer, Service, service_fn};
use tower_llm_callbacks::{HttpCallbackLayer, http_layer::RequestBody, testing::assert_promises};

/// An observation of a body at one poll.
#[derive(Debug, Clone, PartialEq)]
enum Seen {
    Before { is_end_stream: bool, size_hint: (u64, Option<u64>) },
    Data(Bytes),
    Trailers(HeaderMap),
    Error(u32),
    End,
}

fn hint(hint: &SizeHint) -> (u64, Option<u64>) {
    (hint.lower(), hint.upper())
}

/// Polls a body to its end or error, and `more` times after that. Pending polls are left out: the layer may
/// add some.
async fn watch<B, E>(body: B, more: usize, reset: impl Fn(E) -> u32) -> Vec<Seen>
where
    B: Body<Data = Bytes, Error = E>,
{
    let mut body = std::pin::pin!(body);
    let (mut seen, mut over) = (Vec::new(), 0);
    while over <= more {
        // While a frame is held for handlers, the hint may include it.
        let (is_end_stream, size_hint) = (body.is_end_stream(), hint(&body.size_hint()));
        let before = Seen::Before { is_end_stream, size_hint };
        let then = poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
        seen.push(before);
        seen.push(match then {
            None => Seen::End,
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => Seen::Data(data),
                Err(frame) => Seen::Trailers(frame.into_trailers().unwrap()),
            },
            Some(Err(error)) => Seen::Error(reset(error)),
        });
        if matches!(seen.last(), Some(Seen::End | Seen::Error(_))) {
            over += 1;
        }
    }
    seen
}

/// Bytes that are meaningful to a decoder, and others.
fn content() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(HELLO.concat().into_bytes()),
        Just(WHOLE.into()),
        Just([&HELLO.concat(), STOP, "data: more\n\n"].concat().into_bytes()),
        vec(any::<u8>(), 0..200),
        Just(
            b"event: error\ndata: {\"type\":\"error\",\"error\":{\"message\":\"no\"}}\n\n".to_vec()
        ),
        Just(PROMPT.into()),
    ]
}

/// A body with such content, cut at random places.
fn body() -> impl Strategy<Value = Scripted> {
    let cuts = vec(any::<prop::sample::Index>(), 0..6);
    let extra = vec((any::<prop::sample::Index>(), select(vec![Step::Wait, data("")])), 0..4);
    let end = select(vec![None, None, Some(trailers()), Some(Step::Fail)]);
    (content(), cuts, extra, end, any::<bool>(), any::<bool>()).prop_map(
        |(content, cuts, extra, end, exact, knows_end)| {
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(content.len() + 1)).collect();
            cuts.extend([0, content.len()]);
            cuts.sort_unstable();
            let mut steps: Vec<_> =
                cuts.windows(2).map(|cut| data(content[cut[0]..cut[1]].to_vec())).collect();
            for (at, step) in extra {
                steps.insert(at.index(steps.len() + 1), step);
            }
            let fails = matches!(end, Some(Step::Fail));
            steps.extend(end);
            let body = Scripted::new(steps);
            let body = if exact && !fails { body.exact() } else { body };
            if knows_end { body.knows_end() } else { body }
        },
    )
}

fn headers() -> impl Strategy<Value = HeaderMap> {
    let names = select(vec![
        "content-type",
        "content-encoding",
        "x-request-id",
        "authorization",
        "set-cookie",
        "traceparent",
        "transfer-encoding",
    ]);
    let values = select(vec![
        "text/event-stream",
        "application/json; charset=utf-8",
        "gzip",
        "br, zstd",
        "identity",
        "nonsense",
        "",
        "a secret",
    ]);
    vec((names, values), 0..5).prop_map(|all| {
        all.into_iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    })
}

fn modes() -> impl Strategy<Value = Vec<Mode>> {
    option::of(select(&MODES[..])).prop_map(|mode| mode.into_iter().collect())
}

/// Runs a case on one shared runtime.
fn run<T>(case: impl Future<Output = T>) -> T {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| support::Flavor::Multi.runtime());
    RUNTIME.block_on(async { timeout(PATIENCE, case).await.expect("the case hangs") })
}

#[derive(Debug, Clone, PartialEq)]
struct Extension(u8);

type Head = (Version, HeaderMap, Option<Extension>);

fn head(version: Version, headers: &HeaderMap, extensions: &Extensions) -> Head {
    (version, headers.clone(), extensions.get().cloned())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1500, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn a_response_is_unchanged(
        scripted in body(),
        headers in headers(),
        status in 100_u16..600,
        modes in modes(),
        path in select(vec!["/v1/messages", "/v1/embeddings", "/v1/audio/speech"]),
    ) {
        let answer = || {
            let mut response = Response::new(scripted.clone());
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            *response.headers_mut() = headers.clone();
            *response.version_mut() = Version::HTTP_2;
            response.extensions_mut().insert(Extension(9));
            response
        };
        let recorders = Recorders::new(&modes);
        let (got, through, bare) = run(async {
            let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
            let mut request = prompt();
            *request.uri_mut() = path.parse().unwrap();
            let response = layer.layer(Upstream(answer)).call(request).await.unwrap();
            let (got, body) = response.into_parts();
            let through = watch(body, 2, |error: BoxError| {
                error.downcast::<Reset>().expect("the inner error").0
            });
            (got, through.await, watch(scripted.clone(), 2, |error| error.0).await)
        });
        prop_assert_eq!(through, bare);
        prop_assert_eq!(got.status.as_u16(), status);
        let expected = (Version::HTTP_2, headers, Some(Extension(9)));
        prop_assert_eq!(head(got.version, &got.headers, &got.extensions), expected);
        for (_, recorder) in recorders.each {
            assert!(run(recorders.callbacks.flush(PATIENCE)).is_complete());
            assert_promises(&recorder.events());
            assert_eq!(recorder.terminals().len(), 1);
        }
    }

    #[test]
    fn a_request_reaches_the_inner_service_unchanged(
        scripted in body(),
        headers in headers(),
        modes in modes(),
        limit in select(vec![0_usize, 1, 50, 100_000]),
        path in select(vec![
            "/v1/messages",
            "/v1/models",
            "/v1/embeddings",
            "/v1/images/edits",
            "/v1/audio/transcriptions",
        ]),
    ) {
        let got = Arc::new(Mutex::new(None));
        let keep = Arc::clone(&got);
        let inner = service_fn(move |request: Request<RequestBody<Scripted>>| {
            *keep.lock().unwrap() = Some(request);
            ready(Ok::<_, BoxError>(Response::new(Scripted::new([]))))
        });
        let layer = HttpCallbackLayer::new(Recorders::new(&modes).callbacks).max_request_bytes(limit);
        let mut request =
            Request::post(path).version(Version::HTTP_2).body(scripted.clone()).unwrap();
        *request.headers_mut() = headers.clone();
        request.extensions_mut().insert(Extension(7));
        let (through, bare) = run(async {
            layer.layer(inner).call(request).await.unwrap();
            let request = got.lock().unwrap().take().unwrap();
            assert_eq!(request.uri().path(), path);
            let received = head(request.version(), request.headers(), request.extensions());
            assert_eq!(received, (Version::HTTP_2, headers, Some(Extension(7))));
            let reset = |error: BoxError| error.downcast::<Reset>().unwrap().0;
            let through = watch(request.into_body(), 0, reset).await;
            (through, watch(scripted.clone(), 0, |error| error.0).await)
        });
        prop_assert_eq!(through, bare);
    }
}

/// A body that counts its polls.
struct Watched(Arc<Mutex<usize>>);

impl Body for Watched {
    type Data = Bytes;
    type Error = Reset;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Reset>>> {
        *self.0.lock().unwrap() += 1;
        Poll::Ready(None)
    }
}

#[test]
fn unmatched_requests_are_not_captured_and_make_no_run() {
    support::everywhere(|recorders| async move {
        let layer = HttpCallbackLayer::new(recorders.callbacks.clone()).ignore("/own/v1/messages");
        for (method, path) in [
            ("GET", "/v1/messages"),
            ("POST", "/v1/messages/count_tokens"),
            ("GET", "/v1/models"),
            ("POST", "/own/v1/messages"),
            ("OPTIONS", "*"),
        ] {
            let polls = Arc::new(Mutex::new(0));
            let seen = Arc::clone(&polls);
            let inner = service_fn(move |request: Request<RequestBody<Watched>>| {
                assert_eq!(*seen.lock().unwrap(), 0, "the body has not been polled");
                async move {
                    assert!(tower_llm_callbacks::Run::current().is_none());
                    Ok::<_, BoxError>(Response::new(request.into_body()))
                }
            });
            let request = Request::builder().method(method).uri(path);
            let request = request.body(Watched(Arc::clone(&polls))).unwrap();
            let response = layer.layer(inner).call(request).await.unwrap();
            assert_eq!(*polls.lock().unwrap(), 0, "{path}");
            support::http::read(response.into_body()).await;
            assert_eq!(*polls.lock().unwrap(), 1, "{path}");
        }
        assert!(recorders.callbacks.flush(support::PATIENCE).await.is_complete());
        recorders.nothing();
    });
}
