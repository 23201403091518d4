//! A proxy under load, with and without the layer.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures::future::join_all;
use http_body_util::BodyExt;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{runtime::Runtime, sync::watch};

use crate::{
    proxy::{Caller, Proxies},
    upstream::{Reply, provider},
    work::{multi_thread, note},
};
use harness::{Bound, Cost, Row, alternate, cpu_time, print};

/// 95 % of the baseline's tokens per second.
const BOUND: Bound = Bound::ratio(1.053);

pub(crate) fn row(streams: usize, tokens: usize) -> Vec<bool> {
    let streams = streams.clamp(1, streams_allowed());
    let tokens = tokens.max(10);
    let runtime = multi_thread();
    let (gate, open) = watch::channel(false);
    let proxies = runtime
        .block_on(async { Proxies::start(provider(Reply::stream(tokens, open)).await).await });
    let [bare, layered, traced] = [proxies.bare, proxies.layered, proxies.traced].map(Caller::new);
    let load = |caller: &Caller| load(&runtime, caller, &gate, streams, tokens);
    let [base, ours, trace] =
        alternate(60, [&mut || load(&bare), &mut || load(&layered), &mut || load(&traced)]);
    assert!(proxies.count.seen() >= (streams * tokens) as u64);
    assert!(proxies.chunks.load(Ordering::Relaxed) >= (streams * tokens) as u64);
    let (name, trace_name) = match streams {
        1 => ("a token through a proxy, 1 stream (CPU time)", "the same with `TraceLayer`"),
        256 => ("a token through a proxy, 256 streams (CPU time)", "the same with `TraceLayer`"),
        4_096 => {
            ("a token through a proxy, 4,096 streams (CPU time)", "the same with `TraceLayer`")
        }
        _ => ("a token through a proxy, fewer streams (CPU time)", "the same with `TraceLayer`"),
    };
    let baseline = "the proxy without the layer";
    let met = print(&Row { name, baseline, bound: BOUND }, base, ours);
    note(trace_name, baseline, base, trace);
    vec![met]
}

/// Returns the possible number of streams: each takes four sockets (client, both sides of the proxy, provider).
fn streams_allowed() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let _raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(limit.saturating_sub(1_000) / 4).unwrap_or(usize::MAX).max(1)
}

/// Returns the CPU time per token, once all streams have started. For a busy proxy this is the inverse of its tokens
/// per second, but it does not depend on other load of the machine.
fn load(
    runtime: &Runtime,
    caller: &Caller,
    gate: &watch::Sender<bool>,
    streams: usize,
    tokens: usize,
) -> Cost {
    runtime.block_on(async {
        gate.send_replace(false);
        let mut answers = Vec::with_capacity(streams);
        // In groups: more connections at once would exceed the server's backlog.
        while answers.len() < streams {
            let more = (streams - answers.len()).min(64);
            let calls = (0..more).map(|_| {
                let caller = caller.clone();
                tokio::spawn(async move {
                    caller.call(Bytes::from_static(br#"{"model":"m","stream":true}"#)).await
                })
            });
            answers.extend(join_all(calls.collect::<Vec<_>>()).await);
        }
        let start = cpu_time();
        gate.send_replace(true);
        let reading = answers.into_iter().map(|answer| {
            let mut body = answer.expect("no panic").into_body();
            tokio::spawn(async move {
                let mut bytes = 0;
                while let Some(frame) = body.frame().await {
                    bytes += frame.expect("no error").data_ref().map_or(0, Bytes::len);
                }
                assert!(bytes > tokens * 100, "{bytes}");
            })
        });
        for done in join_all(reading.collect::<Vec<_>>()).await {
            done.expect("no panic");
        }
        (cpu_time() - start).as_nanos() as f64 / (streams * tokens) as f64
    })
}
