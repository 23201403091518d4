//! Recorded answers of OpenAI's Responses API, if available, decode to what the official SDK read from them.
//!
//! They are other projects' data and are not part of this repository.

use std::{collections::BTreeSet, fs};

use http::StatusCode;
use serde_json::{Map, Value, json};
use support::recordings::{cuts, folder, pieces, read_json};
use tower_llm_callbacks::{
    Delta, LlmResult, ProviderError,
    event::Accumulator,
    wire::{
        Decoder, Format,
        openai_responses::{OpenAiResponses, OpenAiResponsesDecoder},
    },
};

/// The result of an answer, and how it ended.
#[derive(Debug, PartialEq)]
struct Sum {
    result: LlmResult,
    done: bool,
    error: Option<ProviderError>,
}

impl Sum {
    fn of<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut decoder = OpenAiResponsesDecoder::new();
        let (mut answer, mut done, mut error) = (Accumulator::new(), false, None);
        let mut each = |delta: Delta<'_>| {
            assert!(!done && error.is_none(), "after the end: {delta:?}");
            answer.delta(&delta);
            match delta {
                Delta::Done => done = true,
                Delta::Error(it) => error = Some(it),
                _ => {}
            }
        };
        for piece in pieces {
            decoder.push(piece, &mut each);
        }
        decoder.finish(&mut each);
        Self { result: answer.finish(), done, error }
    }

    /// Compares with what the SDK read. Only values in `oracle` are compared.
    fn check(&self, file: &str, oracle: &Map<String, Value>) {
        let result = &self.result;
        assert_eq!(result.decode_faults, 0, "{file}");
        assert!(result.streamed, "{file}");
        assert!(result.response_id.is_some() && result.model.is_some(), "{file}");
        let [choice] = &*result.choices else { panic!("{file}: {result:?}") };
        let arguments: String = choice.tool_calls.iter().map(|call| &*call.arguments).collect();
        for (key, expected) in oracle {
            let found = match key.as_str() {
                "text" => json!(choice.text),
                "reasoning" => json!(choice.reasoning),
                "args" => json!(arguments),
                "usage" => {
                    self.check_usage(file, expected);
                    json!(result.usage_raw)
                }
                "status" => {
                    match expected.as_str().unwrap() {
                        "completed" => {
                            assert_eq!(choice.finish_reason.as_deref(), Some("completed"));
                        }
                        "incomplete" => {
                            assert_eq!(choice.finish_reason.as_deref(), Some("max_output_tokens"));
                        }
                        _ => assert!(self.error.is_some(), "{file}"),
                    }
                    continue;
                }
                "raised" => {
                    // The oracle has a truncated message.
                    let message = &self.error.as_ref().unwrap().message;
                    assert!(message.starts_with("You exceeded your current quota"), "{file}");
                    continue;
                }
                // The SDK's names of events.
                "terminal" | "events" => continue,
                other => panic!("{file}: no comparison for {other}"),
            };
            assert_eq!(&found, expected, "{file}: {key}");
        }
        assert_eq!(self.done, !oracle.contains_key("raised"), "{file}");
        assert_eq!(self.error.is_some(), oracle.contains_key("raised"), "{file}");
        for event in ["refusal", "function_call_arguments"] {
            let deltas = &oracle["events"][&format!("response.{event}.delta")];
            let found = match event {
                "refusal" => !choice.refusal.is_empty(),
                _ => choice.tool_calls.iter().any(|it| !it.id.is_empty() && !it.name.is_empty()),
            };
            assert_eq!(found, !deltas.is_null(), "{file}: {event}");
        }
    }

    fn check_usage(&self, file: &str, raw: &Value) {
        let Some(usage) = &self.result.usage else {
            return assert!(raw.is_null(), "{file}");
        };
        let count = |pointer: &str| raw.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
        // A 0 of the summary may stand for a count that was not reported.
        for (found, pointer) in [
            (usage.input_tokens, "/input_tokens"),
            (usage.output_tokens, "/output_tokens"),
            (usage.total_tokens, "/total_tokens"),
            (usage.cache_read_tokens, "/input_tokens_details/cached_tokens"),
            (usage.cache_write_tokens, "/input_tokens_details/cache_write_tokens"),
            (usage.reasoning_tokens, "/output_tokens_details/reasoning_tokens"),
        ] {
            assert_eq!(found.unwrap_or(0), count(pointer), "{file}: {pointer}");
        }
    }
}

/// Turns one JSON text per line into an event stream.
fn framed(chunks: &str) -> String {
    let event = |line: &str| {
        let json: Value = serde_json::from_str(line).unwrap();
        format!("event: {}\ndata: {line}\n\n", json["type"].as_str().unwrap())
    };
    chunks.lines().filter(|line| !line.is_empty()).map(event).collect()
}

fn is_responses(file: &str) -> bool {
    file.starts_with("openai-responses/")
        || file.starts_with("xai/")
        || file.starts_with("openrouter/responses")
}

#[test]
fn recorded_answers_decode_as_by_the_sdk() {
    let Some(folder) = folder() else { return };
    let oracle = read_json(&folder.join("oracle.json"));
    let index = read_json(&folder.join("index.json"));
    let entries = index.as_array().or_else(|| index["fixtures"].as_array()).unwrap();
    let mut covered = BTreeSet::new();
    for entry in entries {
        let file = entry["file"].as_str().unwrap();
        if !is_responses(file) {
            continue;
        }
        let body = fs::read(folder.join(file)).unwrap();
        let status = u16::try_from(entry["status"].as_u64().unwrap()).unwrap();
        if status >= 400 {
            check_error(file, status, &body);
        } else {
            let expected = oracle["fixtures"][file].as_object().unwrap();
            if file.ends_with(".chunks.txt") {
                check_stream(file, framed(&String::from_utf8(body).unwrap()).as_bytes(), expected);
            } else if file.ends_with(".sse") {
                check_stream(file, &body, expected);
            } else {
                panic!("no rule for {file}");
            }
        }
        covered.insert(file.to_owned());
    }
    let present: BTreeSet<_> = ["openai-responses", "openrouter", "xai"]
        .into_iter()
        .flat_map(|provider| {
            fs::read_dir(folder.join(provider)).unwrap().map(move |it| (provider, it))
        })
        .map(|(provider, it)| {
            format!("{provider}/{}", it.unwrap().file_name().into_string().unwrap())
        })
        .filter(|file| is_responses(file))
        .collect();
    assert_eq!(covered, present);
    println!("{} recorded answers", covered.len());
}

fn check_stream(file: &str, body: &[u8], expected: &Map<String, Value>) {
    let whole = Sum::of([body]);
    whole.check(file, expected);
    for lengths in cuts(file, body) {
        assert_eq!(Sum::of(pieces(body, &lengths)), whole, "{file}");
    }
    check_whole(file, body, &whole);
}

/// The last event has the answer in its unstreamed form.
fn check_whole(file: &str, body: &[u8], streamed: &Sum) {
    let last = String::from_utf8_lossy(body)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok())
        .filter_map(|event| event.get("response").cloned())
        .next_back()
        .unwrap();
    let mut whole = Sum::of([last.to_string().as_bytes()]);
    assert!(!whole.result.streamed, "{file}");
    if let (Some(_), Some(error)) = (&streamed.error, whole.error.take()) {
        assert!(error.message.starts_with("You exceeded your current quota"), "{file}");
        return;
    }
    whole.result.streamed = true;
    whole.result.tokens = streamed.result.tokens;
    assert_eq!(whole, *streamed, "{file}");
}

/// The oracle only has the name of the SDK's exception, so the error is compared with the body itself.
fn check_error(file: &str, status: u16, body: &[u8]) {
    let json: Value = serde_json::from_slice(body).unwrap();
    let error = OpenAiResponses.error(StatusCode::from_u16(status).unwrap(), body);
    assert_eq!(error.status, Some(status), "{file}");
    assert_eq!(json!(&*error.message), json["error"]["message"], "{file}");
    assert_eq!(json!(error.code.as_deref()), json["error"]["code"], "{file}");
}
