//! Prompts of 1 MiB, with a handler that does not read them.

use std::{convert::Infallible, fmt::Write, future::ready};

use axum::body::Body;
use bytes::Bytes;
use futures::{FutureExt, future::join_all};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::runtime::Runtime;
use tower::{Layer, Service, service_fn};
use tower_llm_callbacks::{
    CallbackHandler, Callbacks, EventMask, HttpCallbackLayer, LlmStart, Run,
};

use crate::{
    body::Frames,
    proxy::{self, Caller},
    upstream::{Reply, provider, serve},
    work::{multi_thread, note},
};
use harness::{Bound, Cost, Row, alternate, compare, cpu_time, per_token};

const BYTES: usize = 1024 * 1024;

/// A handler that reads the model from the start event.
#[derive(Default)]
struct ReadModel;

impl CallbackHandler for ReadModel {
    fn event_mask(&self) -> EventMask {
        EventMask::LLM_START
    }

    fn on_llm_start(&self, _run: &Run, start: &LlmStart) {
        assert_eq!(start.model.as_deref(), Some("claude"));
    }
}

fn layer() -> HttpCallbackLayer {
    HttpCallbackLayer::new(Callbacks::new().inline(ReadModel))
}

/// Returns a conversation about source code, with the model as its last member.
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
                          // a line of source code that serves as filler for the prompt\\n"
            )
            .expect("a string");
        }
        body.push_str("\"}");
    }
    body.push_str(r#"],"model":"claude"}"#);
    Bytes::from(body)
}

/// Measures the layer around a service that answers at once and ignores the request.
pub(crate) fn memory(requests: usize) -> Vec<bool> {
    let prompt = prompt();
    let frames = Frames::cut(&prompt);
    let one = || Body::new(Full::from(prompt.clone()));
    let cut = || Body::new(frames.clone());
    let [bare, whole, frames] = alternate(
        200,
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
            drop(service.call(request).now_or_never().expect("always ready"));
        }
    })
}

/// Measures requests through a proxy: the time of a single one, and the CPU time of concurrent ones.
pub(crate) fn proxied(rounds: usize) -> Vec<bool> {
    let runtime = multi_thread();
    let prompt = prompt();
    let (bare, layered) = runtime.block_on(async {
        let upstream = provider(Reply::Short).await;
        let layered = proxy::to(upstream).layer(layer());
        (serve(proxy::to(upstream)).await, serve(layered).await)
    });
    let [bare, layered] = [bare, layered].map(Caller::new);
    let bound = Bound::ratio(1.2);
    let baseline = "the proxy without the layer";
    let row = Row { name: "a prompt of 1 MiB through a proxy, one at a time", baseline, bound };
    let alone =
        |caller: &Caller| per_token(1, || runtime.block_on(ask(caller.clone(), prompt.clone(), 1)));
    let time = compare(&row, rounds, || alone(&bare), || alone(&layered));
    let row = Row { name: "the same, 16 at a time (CPU time)", baseline, bound };
    let loaded = |caller: &Caller| load(&runtime, caller, &prompt);
    let busy = compare(&row, rounds.div_ceil(5), || loaded(&bare), || loaded(&layered));
    vec![time, busy]
}

async fn ask(caller: Caller, prompt: Bytes, times: usize) {
    for _ in 0..times {
        let answer = caller.call(prompt.clone()).await;
        assert!(answer.into_body().collect().await.is_ok());
    }
}

fn load(runtime: &Runtime, caller: &Caller, prompt: &Bytes) -> Cost {
    const CONCURRENT: usize = 16;
    const EACH: usize = 3;
    let start = cpu_time();
    let tasks = (0..CONCURRENT).map(|_| runtime.spawn(ask(caller.clone(), prompt.clone(), EACH)));
    for done in runtime.block_on(join_all(tasks.collect::<Vec<_>>())) {
        done.expect("no panic");
    }
    (cpu_time() - start).as_nanos() as f64 / (CONCURRENT * EACH) as f64
}
