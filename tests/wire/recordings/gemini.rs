//! Recorded answers, if available, decode to what a direct reading of their JSON yields.
//!
//! They are other projects' data and are not part of this repository.

use std::{collections::BTreeSet, fs};

use http::StatusCode;
use serde_json::{Value, json};
use support::recordings::{cuts, folder, pieces, read_json};
use tower_llm_callbacks::{
    Delta, LlmResult,
    event::Accumulator,
    wire::{
        Decoder, Format,
        gemini::{Gemini, GeminiDecoder},
    },
};

/// The result of an answer, and all finish reasons.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (LlmResult, Vec<String>) {
    let (mut decoder, mut sum) = (GeminiDecoder::new(), Accumulator::new());
    let (mut reasons, mut done) = (vec![], false);
    let mut add = |delta: Delta<'_>| {
        assert!(!done, "after the end: {delta:?}");
        match &delta {
            Delta::Finish { reason, .. } => reasons.push(reason.to_string()),
            Delta::Done => done = true,
            _ => {}
        }
        sum.delta(&delta);
    };
    for piece in pieces {
        decoder.push(piece, &mut add);
    }
    decoder.finish(&mut add);
    assert!(done);
    (sum.finish(), reasons)
}

/// The JSON texts of an event stream, parsed independently of the decoder.
fn events(body: &[u8]) -> Vec<Value> {
    let body = std::str::from_utf8(body).unwrap();
    let data = body.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

#[test]
fn recorded_answers_decode_as_written() {
    let Some(folder) = folder() else { return };
    let oracle = read_json(&folder.join("oracle.json"));
    let index = read_json(&folder.join("index.json"));
    let entries = index.as_array().or_else(|| index["fixtures"].as_array()).unwrap();
    let mut covered = BTreeSet::new();
    for entry in entries {
        let file = entry["file"].as_str().unwrap();
        let Some(name) = file.strip_prefix("gemini/") else { continue };
        // No SDK has read these recordings.
        assert!(oracle["fixtures"][file].is_null(), "an oracle for {file} exists");
        let body = fs::read(folder.join(file)).unwrap();
        let status = u16::try_from(entry["status"].as_u64().unwrap()).unwrap();
        if status >= 400 {
            check_error(file, status, &body);
        } else {
            check_stream(file, &body);
        }
        covered.insert(name.to_owned());
    }
    let present: BTreeSet<_> = fs::read_dir(folder.join("gemini"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(covered, present);
    println!("{} recorded answers", covered.len());
}

fn check_stream(file: &str, body: &[u8]) {
    let whole = read([body]);
    for lengths in cuts(file, body) {
        assert_eq!(read(pieces(body, &lengths)), whole, "{file}");
    }
    let (result, reasons) = &whole;
    assert_eq!((result.decode_faults, result.streamed, result.choices.len()), (0, true, 1));
    let events = events(body);
    // The same answer as an array, the other form of a streamed answer.
    let array = json!(events).to_string();
    assert_eq!(read(array.as_bytes().chunks(100)), whole, "{file}");

    let parts: Vec<_> = events
        .iter()
        .flat_map(|event| event["candidates"][0]["content"]["parts"].as_array().cloned())
        .flatten()
        .collect();
    let text: String = parts.iter().filter_map(|part| part["text"].as_str()).collect();
    let choice = &result.choices[0];
    assert_eq!(choice.text, text, "{file}");
    assert_eq!(choice.reasoning, "", "{file}");
    let calls: Vec<_> = parts.iter().filter(|part| part.get("functionCall").is_some()).collect();
    assert_eq!(choice.tool_calls.len(), calls.len(), "{file}");
    for (call, part) in choice.tool_calls.iter().zip(calls) {
        assert_eq!(json!(call.name), part["functionCall"]["name"], "{file}");
        let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
        assert_eq!(arguments, part["functionCall"]["args"], "{file}");
    }
    let expected: Vec<_> =
        events.iter().filter_map(|event| event["candidates"][0]["finishReason"].as_str()).collect();
    assert_eq!(*reasons, expected, "{file}");

    let last = events.last().unwrap();
    assert_eq!(json!(result.response_id), last["responseId"], "{file}");
    assert_eq!(json!(result.model), last["modelVersion"], "{file}");
    let raw = &last["usageMetadata"];
    assert_eq!(result.usage_raw.as_ref(), Some(raw), "{file}");
    let usage = result.usage.clone().unwrap();
    let known = |name: &str| raw[name].as_u64();
    let count = |name: &str| known(name).unwrap_or(0);
    let input = count("promptTokenCount") + count("toolUsePromptTokenCount");
    let output = count("candidatesTokenCount") + count("thoughtsTokenCount");
    assert_eq!(usage.input_tokens.unwrap_or(0), input, "{file}");
    assert_eq!(usage.output_tokens.unwrap_or(0), output, "{file}");
    assert_eq!(usage.total_tokens, known("totalTokenCount"), "{file}");
    assert_eq!(usage.reasoning_tokens, known("thoughtsTokenCount"), "{file}");
}

fn check_error(file: &str, status: u16, body: &[u8]) {
    let json: Value = serde_json::from_slice(body).unwrap();
    let error = Gemini.error(StatusCode::from_u16(status).unwrap(), body);
    assert_eq!(error.status, Some(status), "{file}");
    assert_eq!(json!(&*error.message), json["error"]["message"], "{file}");
    assert_eq!(json!(error.code.as_deref()), json["error"]["status"], "{file}");
}
