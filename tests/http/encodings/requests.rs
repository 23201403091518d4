//! Compressed requests: the start event has their decoded content, within the capture limit.

use allocation_counter::measure;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use support::http::{PROMPT, WHOLE, json, post};
use support::{Flavor, Mode, Recorders, on_each_runtime};
use tower::{BoxError, Layer, Service, service_fn};
use tower_llm_callbacks::{EventData, HttpCallbackLayer, LlmStart, http_layer::RequestBody};

use super::codec::{CODINGS, Coding, compress, zeros};

/// The start event of a request. The inner service receives the request unchanged.
async fn start_of(recorders: &Recorders, body: Vec<u8>, coding: &str, limit: usize) -> LlmStart {
    let sent = Bytes::from(body);
    let mut request = post(Full::from(sent.clone()));
    request.headers_mut().insert("content-encoding", coding.parse().unwrap());
    let inner = service_fn(|request: Request<RequestBody<Full<Bytes>>>| {
        let sent = sent.clone();
        async move {
            let got = request.into_body().collect().await.unwrap().to_bytes();
            assert!(got == sent, "the body is unchanged");
            Ok::<_, BoxError>(json(200, Full::<Bytes>::from(WHOLE)))
        }
    });
    let layer = HttpCallbackLayer::new(recorders.callbacks.clone()).max_request_bytes(limit);
    let response = layer.layer(inner).call(request).await.unwrap();
    response.into_body().collect().await.unwrap();
    recorders.ended(None).await;
    let events = recorders.each[0].1.events();
    let EventData::LlmStart(start) = &events[0].data else { panic!("{events:?}") };
    LlmStart::clone(start)
}

fn complete(start: &LlmStart) -> bool {
    start.http.as_ref().unwrap().body_complete
}

#[test]
fn compressed_requests_are_decoded() {
    on_each_runtime(|| async {
        for coding in CODINGS {
            let body = compress(*coding, PROMPT.as_bytes());
            let start =
                start_of(&Recorders::new(&[Mode::Inline]), body, coding.name(), 1 << 20).await;
            assert_eq!(start.model.as_deref(), Some("claude"), "{coding:?}");
            assert_eq!(start.messages.get().unwrap()[0]["content"], "Hi");
            assert!(complete(&start));
        }
    });
}

#[test]
fn cut_corrupt_and_unknown_bodies_are_incomplete() {
    on_each_runtime(|| async {
        let good = compress(Coding::Gzip, PROMPT.as_bytes());
        let cut = good[..good.len() - 12].to_vec();
        for (body, coding) in
            [(good.clone(), "snappy"), (b"{\"model\": \"claude\"}".to_vec(), "gzip"), (cut, "gzip")]
        {
            let start = start_of(&Recorders::new(&[Mode::Inline]), body, coding, 1 << 20).await;
            assert!(!complete(&start), "{coding}");
        }
    });
}

/// The decoded size has the capture limit too, and so has the work.
#[test]
fn a_bomb_is_bounded() {
    for coding in CODINGS {
        let bomb = zeros(*coding, 24);
        let runtime = Flavor::Current.runtime();
        let recorders = Recorders::new(&[Mode::Inline]);
        let mut start = None;
        let used = measure(|| {
            start = Some(runtime.block_on(start_of(&recorders, bomb, coding.name(), 1 << 20)));
        });
        assert!(used.bytes_max < 16 << 20, "{coding:?}: {}", used.bytes_max);
        assert!(!complete(&start.unwrap()));
    }
}
