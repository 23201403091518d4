//! Calls over HTTP, with secrets in headers, URLs and bodies, and answers that are cut at every byte.

use bytes::Bytes;
use futures::future::join_all;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};
use support::{
    Mode, PATIENCE,
    http::{STOP, Scripted, event_stream},
};
use tower::{BoxError, Layer, service_fn};
use tower_llm_callbacks::{
    Callbacks, ContentCapture, HandlerExt, HttpCallbackLayer, handler::PersonalData,
    handlers::OtelContent, http_layer::RequestBody,
};

use super::{CANARIES, assert_nothing_logged, events, source::Source, watch::Watch};
use crate::calls::{TARGETS, body, request, with_secrets};

/// What no handler may see.
const SECRET: &str = "CANARY";

fn event(kind: &str, data: &Value) -> String {
    format!("event: {kind}\ndata: {data}\n\n")
}

/// An answer, and its frames: each event is cut in two, at the next of all its bytes.
fn answer(source: &mut Source, cut: &mut usize) -> Vec<Bytes> {
    let message =
        json!({"id": "msg_1", "model": "claude", "usage": {"input_tokens": 3, "output_tokens": 1}});
    let start = |index: usize, block: Value| {
        let data = json!({"type": "content_block_start", "index": index, "content_block": block});
        event("content_block_start", &data)
    };
    let mut events = vec![
        event("message_start", &json!({"type": "message_start", "message": message})),
        start(0, json!({"type": "text", "text": ""})),
        start(1, json!({"type": "thinking", "thinking": ""})),
        start(2, json!({"type": "tool_use", "id": "call_1", "name": "send", "input": {}})),
    ];
    for index in 0..3 {
        for piece in source.pieces(index, 12) {
            let delta = match index {
                0 => json!({"type": "text_delta", "text": piece}),
                1 => json!({"type": "thinking_delta", "thinking": piece}),
                _ => {
                    let piece = Value::from(piece).to_string();
                    json!({"type": "input_json_delta", "partial_json": &piece[1..piece.len() - 1]})
                }
            };
            let data = json!({"type": "content_block_delta", "index": index, "delta": delta});
            events.push(event("content_block_delta", &data));
        }
    }
    if source.below(3) == 0 {
        let error = json!({"type": "overloaded_error", "message": source.text()});
        events.push(event("error", &json!({"type": "error", "error": error})));
    }
    events.push(STOP.to_owned());
    let mut frames = Vec::new();
    for event in events {
        *cut += 1;
        let bytes = Bytes::from(event);
        let at = *cut % bytes.len();
        frames.extend([bytes.slice(..at), bytes.slice(at..)]);
    }
    frames
}

fn asked(source: &mut Source, nth: usize) -> Request<Full<Bytes>> {
    let mut body = body();
    let messages = body["messages"].as_array_mut().unwrap();
    let result = json!({"type": "tool_result", "tool_use_id": "call_0", "content": source.text()});
    messages.push(
        json!({"role": "user", "content": [result, {"type": "text", "text": source.text()}]}),
    );
    body["system"][0]["text"] = source.text().into();
    body["metadata"]["email"] = source.text().into();
    body["tools"][0]["description"] = source.text().into();
    let mut request = request(TARGETS[nth % TARGETS.len()]);
    *request.body_mut() = Full::from(body.to_string());
    // Personal data in headers and in the URL.
    let (name, _) = CANARIES[nth % CANARIES.len()];
    for header in ["x-user-email", "x-customer", "from", "cookie", "referer"] {
        request.headers_mut().insert(header, name.parse().unwrap());
    }
    let encoded = name.replace(' ', "%20");
    let uri = format!("{}&to={encoded}&email={encoded}", request.uri());
    *request.uri_mut() = uri.parse().unwrap();
    request
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_and_personal_data_of_calls_over_http_stay_there() {
    support::log::start();
    let (mut source, mut cut, mut nth, mut seen) = (Source::new(), 0, 0, 0);
    let share = events(2).div_ceil(Mode::ALL.len() as u64);
    for mode in Mode::ALL {
        let watch = |what: &str| Watch::new(&format!("{mode:?}, {what}"));
        let all = Watch::new("a handler");
        let secrets = Watch::of(&format!("{mode:?}, a handler"), vec![SECRET]);
        let secret_spans = Watch::of(&format!("{mode:?}, spans"), vec![SECRET]);
        let clean = ["masked", "off", "spans masked", "spans off"].map(watch);
        let [masked, off, spans_masked, spans_off] = &clean;
        let callbacks = Callbacks::new()
            .inline(all.clone())
            .add(mode.handler(secrets.clone()))
            .add(mode.handler(masked.clone().mask(PersonalData::new())))
            .add(mode.handler(off.clone().content(ContentCapture::Off)))
            .inline(secret_spans.spans(OtelContent::Span))
            .inline(spans_masked.spans(OtelContent::Span).mask(PersonalData::new()))
            .inline(spans_off.spans(OtelContent::Off));
        let layer = HttpCallbackLayer::new(callbacks.clone());
        while all.events() < share {
            let some: Vec<_> = (0..8)
                .map(|_| {
                    nth += 1;
                    (asked(&mut source, nth), answer(&mut source, &mut cut))
                })
                .collect();
            let calls = some.into_iter().map(|(request, frames)| {
                let inner = service_fn(move |_: Request<RequestBody<Full<Bytes>>>| {
                    let answer = event_stream(Scripted::chunks(frames.clone()));
                    async move { Ok::<Response<_>, BoxError>(with_secrets(answer)) }
                });
                let call = layer.layer(inner).oneshot(request);
                async move { support::http::read(call.await.unwrap().into_body()).await }
            });
            join_all(calls).await;
            assert!(callbacks.flush(PATIENCE).await.is_complete());
        }
        all.assert_found();
        secrets.assert_clean();
        secret_spans.assert_clean();
        clean.iter().for_each(Watch::assert_clean);
        assert_eq!(callbacks.stats().iter().map(|of| of.faults).sum::<u64>(), 0);
        seen += all.events();
    }
    println!("{seen} events");
    assert!(seen >= events(2), "{seen}");
    assert_nothing_logged();
    assert!(!support::log::all().contains(SECRET));
}
