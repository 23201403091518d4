//! The latency that the layer adds to tokens through a proxy.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use futures::future::join_all;
use http_body_util::BodyExt;
use memchr::memmem;
use tokio::runtime::Runtime;

use crate::{
    proxy::{Caller, Proxies},
    upstream::{Reply, now, provider},
    work::{multi_thread, note},
};

const INTERVAL: Duration = Duration::from_millis(20);
const ROUNDS: usize = 4;

pub(crate) fn row(streams: usize, tokens: usize) -> Vec<bool> {
    let runtime = multi_thread();
    let reply = Reply::Paced { tokens, interval: INTERVAL };
    let proxies = runtime.block_on(async { Proxies::start(provider(reply).await).await });
    let mut least = [[f64::MAX; 2]; 3];
    for _ in 0..ROUNDS {
        let all = [proxies.bare, proxies.layered, proxies.traced];
        for (least, proxy) in least.iter_mut().zip(all) {
            let seen = percentiles(&runtime, proxy, streams);
            *least = [least[0].min(seen[0]), least[1].min(seen[1])];
        }
    }
    let [bare, ours, traced] = least;
    let baseline = "the proxy without the layer";
    let p50 = "from provider to client, 256 streams, a token every 20 ms, p50";
    note(p50, baseline, bare[0], ours[0]);
    note("the same, p99", baseline, bare[1], ours[1]);
    note("`TraceLayer`, p50", baseline, bare[0], traced[0]);
    note("`TraceLayer`, p99", baseline, bare[1], traced[1]);
    Vec::new()
}

/// Returns the median and the 99th percentile of the time from provider to client, in nanoseconds.
fn percentiles(runtime: &Runtime, proxy: SocketAddr, streams: usize) -> [f64; 2] {
    let caller = Caller::new(proxy);
    let reading = (0..streams).map(|_| {
        let caller = caller.clone();
        runtime.spawn(async move { read(&caller).await })
    });
    let reading: Vec<_> = reading.collect();
    let mut all = Vec::new();
    for seen in runtime.block_on(join_all(reading)) {
        all.extend(seen.expect("no panic"));
    }
    all.sort_unstable();
    [50, 99].map(|percent| all[(all.len() - 1) * percent / 100] as f64)
}

async fn read(caller: &Caller) -> Vec<u64> {
    let mut body =
        caller.call(Bytes::from_static(br#"{"model":"m","stream":true}"#)).await.into_body();
    let mut seen = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.expect("no error");
        let Some(data) = frame.data_ref() else { continue };
        let text = br#""text":""#;
        let Some(at) = memmem::find(data, text) else { continue };
        let digits = data.get(at + text.len()..at + text.len() + 20);
        let sent = digits.and_then(|digits| str::from_utf8(digits).ok()?.parse::<u64>().ok());
        seen.extend(sent.map(|sent| now() - sent));
    }
    seen
}
