//! Prompts of a megabyte, with a handler that does not look at them.

use std::{convert::Infallible, fmt::Write, future::ready, time::Instant};

use axum::body::Body;
use bytes::Bytes;
use futures::FutureExt;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::runtime::Runtime;
use tower::{Layer, Service, service_fn};
use tower_llm_callbacks::{
    CallbackHandler, Callbacks, HttpCallbackLayer, Interests, LlmStart, Run,
};

use crate::{
    body::Frames,
    harness::{Bound, Cost, Row, by_turns, per_token, print},
    proxy::{self, Caller},
    upstream::{Answer, provider, serve},
    work::{multi_thread, note},
};

const BYTES: usize = 1024 * 1024;

/// It hears the start, and asks for the model only.
#[derive(Default)]
struct Hears;

impl CallbackHandler for Hears {
    fn interests(&self) -> Interests {
        Interests::LLM_START
    }

    fn on_llm_start(&self, _run: &Run, start: &LlmStart) {
        assert_eq!(start.model.as_deref(), Some("claude"));
    }
}

fn layer() -> HttpCallbackLayer {
    HttpCallbackLayer::new(Callbacks::new().inline(Hears))
}

/// A conversation about some source code, and the model at its end.
fn prompt() -> Bytes {
    let mut body = r#"{"max_tokens":1024,"stream":false,"messages":["#.to_owned();
    for turn in 0.. {
        if body.len() > BYTES - 20 {
            break;
        }
        let role = if turn % 2 == 0 { "user" } else { "assistant" };
        let comma = if turn == 0 { "" } else { "," };
        write!(body, "{comma}{{\"role\":\"{role}\",\"content\":\"").expect("a string");
        for line in 0..40 {
            write!(
                body,
                "    let line_{line} = naïve(\\\"a text of turn {turn}\\\", {line} + 1); \
                          // and what it is good for: nothing at all, but it is there\\n"
            )
            .expect("a string");
        }
        body.push_str("\"}");
    }
    body.push_str(r#"],"model":"claude"}"#);
    Bytes::from(body)
}

/// The service alone, around one that answers at once and looks at nothing.
pub(crate) fn memory(requests: usize) -> Vec<bool> {
    let prompt = prompt();
    let frames = Frames::cut(&prompt);
    let one = || Body::new(Full::from(prompt.clone()));
    let cut = || Body::new(frames.clone());
    let [bare, whole, frames] = by_turns(
        15,
        [
            &mut || calls(answering(), requests, &one),
            &mut || calls(layer().layer(answering()), requests, &one),
            &mut || calls(layer().layer(answering()), requests, &cut),
        ],
    );
    note("the layer alone, a prompt of 1 MiB in one frame", "a call", bare, whole);
    note("the same, in frames of 16 KiB", "a call", bare, frames);
    Vec::new()
}

fn answering<B>()
-> impl Service<Request<B>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone {
    service_fn(|_| ready(Ok(Response::new(Body::empty()))))
}

fn calls(
    mut service: impl Service<Request<Body>>,
    requests: usize,
    body: &dyn Fn() -> Body,
) -> Cost {
    per_token(requests, || {
        for _ in 0..requests {
            let request = Request::post("/v1/messages").body(body()).expect("a request");
            drop(service.call(request).now_or_never().expect("it is there"));
        }
    })
}

/// One request after another through a proxy.
pub(crate) fn proxied(requests: usize) -> Vec<bool> {
    let runtime = multi_thread();
    let prompt = prompt();
    let (bare, layered) = runtime.block_on(async {
        let upstream = provider(Answer::Short).await;
        let layered = proxy::to(upstream).layer(layer());
        (serve(proxy::to(upstream)).await, serve(layered).await)
    });
    let [bare, layered] = [bare, layered].map(Caller::of);
    let mut met = Vec::new();
    for (name, at_once) in
        [("a prompt of 1 MiB through a proxy, one at a time", 1), ("the same, 16 at a time", 16)]
    {
        let ask = |caller: &Caller| ask(&runtime, caller, &prompt, requests, at_once);
        let [base, ours] = by_turns(12, [&mut || ask(&bare), &mut || ask(&layered)]);
        let baseline = "the proxy without the layer";
        met.push(print(&Row { name, baseline, bound: Bound::ratio(1.2) }, base, ours));
    }
    met
}

fn ask(
    runtime: &Runtime,
    caller: &Caller,
    prompt: &Bytes,
    requests: usize,
    at_once: usize,
) -> Cost {
    let requests = requests.div_ceil(at_once);
    let start = Instant::now();
    runtime.block_on(async {
        let asking = (0..at_once).map(|_| {
            let (caller, prompt) = (caller.clone(), prompt.clone());
            tokio::spawn(async move {
                for _ in 0..requests {
                    let answer = caller.call(prompt.clone()).await;
                    assert!(answer.into_body().collect().await.is_ok());
                }
            })
        });
        for done in futures::future::join_all(asking.collect::<Vec<_>>()).await {
            done.expect("no panic");
        }
    });
    start.elapsed().as_nanos() as f64 / (requests * at_once) as f64
}
