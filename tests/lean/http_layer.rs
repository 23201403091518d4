//! The HTTP layer. It decodes no coding: a compressed body passes, unread.

use std::{convert::Infallible, io::Write};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, service_fn};
use tower_llm_callbacks::{EventKind, HttpCallbackLayer};

use super::Recorder;

const PROMPT: &str = r#"{"model":"claude","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"Hi"}]}"#;

const ANSWER: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"claude\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello\"}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

/// Calls through the layer: what the client gets.
async fn call(layer: &HttpCallbackLayer, coding: Option<&'static str>, body: Bytes) -> Bytes {
    let upstream = service_fn(move |request: Request<_>| {
        let body = body.clone();
        async move {
            let asked = BodyExt::collect(request.into_body()).await.unwrap().to_bytes();
            assert_eq!(asked, PROMPT);
            let mut response = Response::builder().header("content-type", "text/event-stream");
            if let Some(coding) = coding {
                response = response.header("content-encoding", coding);
            }
            Ok::<_, Infallible>(response.body(Full::new(body)).unwrap())
        }
    });
    let request = Request::post("/v1/messages")
        .header("content-type", "application/json")
        .body(Full::<Bytes>::from(PROMPT))
        .unwrap();
    let response = layer.layer(upstream).oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn a_plain_body_is_decoded() {
    let (recorder, callbacks) = Recorder::inline();
    let layer = HttpCallbackLayer::new(callbacks);
    assert_eq!(call(&layer, None, ANSWER.into()).await, ANSWER);
    assert_eq!(recorder.kinds(), [EventKind::LlmStart, EventKind::LlmNewToken, EventKind::LlmEnd]);
    assert_eq!(recorder.text(), "Hello");
    assert_eq!(recorder.last().get("decode_skipped"), None);
}

#[tokio::test]
async fn a_compressed_body_passes_unread() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(ANSWER.as_bytes()).unwrap();
    let gzip = Bytes::from(gzip.finish().unwrap());
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let (recorder, callbacks) = Recorder::inline();
        let layer = HttpCallbackLayer::new(callbacks);
        assert_eq!(call(&layer, Some(coding), gzip.clone()).await, gzip);
        assert_eq!(recorder.kinds(), [EventKind::LlmStart, EventKind::LlmEnd], "{coding}");
        let end = recorder.last();
        assert_eq!((&end["decode_skipped"], &end["decode_faults"]), (&true.into(), &0.into()));
    }
}
