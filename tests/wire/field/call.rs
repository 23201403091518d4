//! One call through the layer: what the client received, and the records of all events.

use std::{
    convert::Infallible,
    io::Write,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use support::http::{Scripted, Step, data};
use tower::{Layer, Service, service_fn};
use tower_llm_callbacks::{Callbacks, HttpCallbackLayer, http_layer::RequestBody, on_event};

use super::case::Case;

pub(crate) struct Answered {
    pub(crate) records: Vec<Value>,
    /// What is wrong whatever the case wants.
    pub(crate) faults: Vec<String>,
}

impl Answered {
    /// Sends the request of a case, answers with these frames, and reads the answer.
    pub(crate) async fn of(case: &Case, frames: Vec<Vec<u8>>, coding: Option<&str>) -> Self {
        let sent: Vec<u8> = frames.concat();
        let mut headers = HeaderMap::new();
        let coding = coding.or(case.content_encoding.as_deref());
        for (name, value) in [
            (header::CONTENT_TYPE, case.content_type.as_deref()),
            (header::CONTENT_ENCODING, coding),
            (header::HeaderName::from_static("x-request-id"), Some("req-1")),
        ] {
            if let Some(value) = value {
                headers.insert(name, HeaderValue::from_str(value).unwrap());
            }
        }
        for (name, value) in &case.headers {
            let name = header::HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.insert(name, HeaderValue::from_str(value).unwrap());
        }
        let body = frames.into_iter().map(data).chain(case.hold.then_some(Step::Hang));
        let mut response = Response::new(Scripted::new(body));
        *response.status_mut() = case.status.try_into().unwrap();
        *response.headers_mut() = headers.clone();
        let response = Arc::new(Mutex::new(Some(response)));
        let upstream = service_fn(move |request: Request<RequestBody<Full<Bytes>>>| {
            let response = response.lock().unwrap().take().expect("one call");
            async move {
                // The layer sees the request while the upstream reads it.
                request.into_body().collect().await.expect("the body of the request");
                Ok::<_, Infallible>(response)
            }
        });

        let records = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&records);
        let callbacks = Callbacks::new().inline(on_event(move |run, event| {
            // Via a string, as for a record that leaves the process.
            let line = serde_json::to_string(&event.record(run)).unwrap();
            notes.lock().unwrap().push(serde_json::from_str(&line).unwrap());
        }));
        let mut service = HttpCallbackLayer::new(callbacks).layer(upstream);
        let request = Request::builder().method(&*case.method).uri(&case.path);
        let request = request.header("content-type", "application/json");
        let request = request.body(Full::from(case.request.clone())).unwrap();
        let (head, body) = service.call(request).await.unwrap().into_parts();
        let received = read(body, sent.len(), case.hold).await;

        let mut faults = Vec::new();
        if (head.status.as_u16(), &head.headers) != (case.status, &headers) {
            faults.push("the status or the headers are altered".to_owned());
        }
        if received != sent {
            faults.push("the bytes are altered".to_owned());
        }
        let records = records.lock().unwrap().clone();
        match case.observed {
            true => faults.extend(promises(&records)),
            false if records.is_empty() => {}
            false => faults.push(format!("it is no call, but was observed: {}", records[0])),
        }
        Self { records, faults }
    }

    /// The terminal record without its times, to compare how the answer was told.
    pub(crate) fn comparable(&self) -> Value {
        let Some(terminal) = self.records.last() else { return Value::Null };
        let mut data = terminal["data"].clone();
        if let Some(members) = data.as_object_mut() {
            members.retain(|name, _| !name.ends_with("_ms"));
        }
        serde_json::json!({"event": terminal["event"], "data": data})
    }
}

/// Reads all bytes; then hangs up where the upstream would never end.
async fn read<B: http_body::Body<Data = Bytes> + Unpin>(
    mut body: B,
    length: usize,
    hold: bool,
) -> Vec<u8> {
    let mut received = Vec::new();
    while !(hold && received.len() >= length) {
        let Some(frame) = body.frame().await else { break };
        let Ok(frame) = frame else { break };
        if let Ok(data) = frame.into_data() {
            received.extend_from_slice(&data);
        }
    }
    received
}

/// The promises that hold for each call: it is told once, and `seq` has no gap.
fn promises(records: &[Value]) -> Vec<String> {
    let mut faults = Vec::new();
    let of = |suffix: &str| {
        let events = records.iter().filter_map(|record| record["event"].as_str());
        events.filter(|event| event.ends_with(suffix)).count()
    };
    let (starts, ends) = (of("_start"), of("_end") + of("_error"));
    if (starts, ends) != (1, 1) {
        faults.push(format!("{starts} starts and {ends} terminals, not one of each"));
    }
    for (at, record) in records.iter().enumerate() {
        if record["seq"] != at {
            faults.push(format!("record {at} has the seq {}", record["seq"]));
        }
    }
    faults
}

/// Cuts bytes: round 0 into single bytes, each other round at random.
pub(crate) fn cut(body: &[u8], round: u64) -> Vec<Vec<u8>> {
    let longest = [1, 3, 17, 90, 400][usize::try_from(round % 5).unwrap()];
    let mut state = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(round + 7);
    let (mut rest, mut pieces) = (body, Vec::new());
    while !rest.is_empty() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let length = usize::try_from(state >> 33).unwrap() % longest + 1;
        let (piece, after) = rest.split_at(length.min(rest.len()));
        pieces.push(piece.to_vec());
        rest = after;
    }
    pieces
}

/// Compresses a body, flushed after each piece, as servers do it for event streams.
pub(crate) fn gzip(pieces: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut frames = Vec::new();
    for piece in pieces {
        encoder.write_all(piece).unwrap();
        encoder.flush().unwrap();
        frames.push(std::mem::take(encoder.get_mut()));
    }
    frames.push(encoder.finish().unwrap());
    frames
}
