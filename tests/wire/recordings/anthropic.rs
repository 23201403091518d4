//! Recorded answers, if available, decode to what the official SDK read from them.
//!
//! They are other projects' data and are not part of this repository.

use std::{collections::BTreeSet, fs, io::Read};

use http::StatusCode;
use serde_json::{Map, Value, json};
use support::recordings::{cuts, folder, pieces, read_json};
use tower_llm_callbacks::{
    Delta, Usage,
    wire::{
        Decoder, Format,
        anthropic::{AnthropicDecoder, AnthropicMessages},
    },
};

/// The sum of an answer's deltas.
#[derive(Debug, Default, PartialEq)]
struct Sum {
    text: String,
    thinking: String,
    tools: Vec<(String, String)>,
    stop_reasons: Vec<String>,
    usage: Option<(Usage, Value)>,
    response: Option<(Option<String>, Option<String>)>,
    streamed: bool,
    faults: u32,
    done: bool,
}

impl Sum {
    fn of<'a>(mut decoder: impl Decoder, pieces: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut sum = Self { streamed: true, ..Self::default() };
        for piece in pieces {
            decoder.push(piece, &mut |delta| sum.add(delta));
        }
        decoder.finish(&mut |delta| sum.add(delta));
        sum
    }

    #[allow(clippy::needless_pass_by_value)]
    fn add(&mut self, delta: Delta<'_>) {
        assert!(!self.done, "after the end: {delta:?}");
        match delta {
            Delta::Text { choice: 0, text } => {
                assert!(!text.is_empty());
                self.text += &text;
            }
            Delta::Reasoning { choice: 0, text } => self.thinking += &text,
            Delta::ToolCall { choice: 0, index, id, name, arguments } => {
                let index = index as usize;
                if index == self.tools.len() {
                    assert!(id.is_some_and(|id| !id.is_empty()));
                    self.tools.push((name.unwrap().into_owned(), arguments.into_owned()));
                } else {
                    assert!(id.is_none() && name.is_none());
                    self.tools[index].1 += &arguments;
                }
            }
            Delta::Finish { choice: 0, reason } => self.stop_reasons.push(reason.into_owned()),
            Delta::Usage { usage, raw } => self.usage = Some((usage, raw.unwrap().into_owned())),
            Delta::Response { id, model } => {
                let owned = |text: Option<std::borrow::Cow<'_, str>>| text.map(|t| t.into_owned());
                self.response = Some((owned(id), owned(model)));
            }
            Delta::NotStreamed => self.streamed = false,
            Delta::DecodeFault => self.faults += 1,
            Delta::Done => self.done = true,
            other => panic!("unexpected: {other:?}"),
        }
    }

    fn tools(&self) -> Value {
        let parsed = |arguments: &str| match arguments {
            "" => json!({}),
            arguments => serde_json::from_str::<Value>(arguments).unwrap(),
        };
        self.tools.iter().map(|(name, arguments)| json!([name, parsed(arguments)])).collect()
    }

    /// Compares with what the SDK read. Only values in `oracle` are compared.
    fn check(&self, file: &str, oracle: &Map<String, Value>) {
        assert_eq!(self.faults, 0, "{file}");
        assert!(self.done, "{file}");
        assert_eq!(self.stop_reasons.len(), 1, "{file}");
        let (id, model) = self.response.as_ref().unwrap();
        let (counts, raw) = self.usage.as_ref().unwrap();
        for (key, expected) in oracle {
            let found = match key.as_str() {
                "text" => json!(self.text),
                "thinking" => json!(self.thinking),
                "tools" => self.tools(),
                "stop_reason" => json!(self.stop_reasons[0]),
                "id" => json!(id),
                "model" => json!(model),
                "usage" => {
                    for (key, expected) in expected.as_object().unwrap() {
                        assert_eq!(&raw[key], expected, "{file}: {key}");
                    }
                    let count = |key: &str| expected[key].as_u64().unwrap_or(0);
                    let (read, write) =
                        (count("cache_read_input_tokens"), count("cache_creation_input_tokens"));
                    let input = count("input_tokens") + read + write;
                    let known = |name: &str, count: u64| expected[name].is_u64().then_some(count);
                    let counts = counts.clone().reasoning(None);
                    let cached = [
                        known("cache_read_input_tokens", read),
                        known("cache_creation_input_tokens", write),
                    ];
                    let output = known("output_tokens", count("output_tokens"));
                    // The SDK's summary leaves out the reasoning tokens.
                    assert_eq!(counts.input_tokens, Some(input), "{file}");
                    assert_eq!(counts.output_tokens, output, "{file}");
                    assert_eq!(
                        [counts.cache_read_tokens, counts.cache_write_tokens],
                        cached,
                        "{file}"
                    );
                    continue;
                }
                // The SDK's names of blocks, events and its exception.
                "blocks" | "events" | "raised" => continue,
                other => panic!("{file}: no comparison for {other}"),
            };
            assert_eq!(&found, expected, "{file}: {key}");
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

#[test]
fn recorded_answers_decode_as_by_the_sdk() {
    let Some(folder) = folder() else { return };
    let oracle = read_json(&folder.join("oracle.json"));
    let index = read_json(&folder.join("index.json"));
    let entries = index.as_array().or_else(|| index["fixtures"].as_array()).unwrap();
    let mut covered = BTreeSet::new();
    for entry in entries {
        let file = entry["file"].as_str().unwrap();
        let Some(name) = file.strip_prefix("anthropic/") else { continue };
        let body = fs::read(folder.join(file)).unwrap();
        let expected = oracle["fixtures"][file].as_object().unwrap();
        let status = u16::try_from(entry["status"].as_u64().unwrap()).unwrap();
        if status >= 400 {
            check_error(file, status, &body, expected);
        } else if name.ends_with(".sse") {
            check_stream(file, &body, expected);
        } else if name.ends_with(".chunks.txt") {
            check_stream(file, framed(&String::from_utf8(body).unwrap()).as_bytes(), expected);
        } else if name.ends_with(".json.gz") {
            let mut inflated = Vec::new();
            flate2::read::GzDecoder::new(&*body).read_to_end(&mut inflated).unwrap();
            check_message(file, &inflated, expected);
        } else if name.ends_with(".json") {
            check_message(file, &body, expected);
        } else {
            panic!("no rule for {file}");
        }
        covered.insert(name.to_owned());
    }
    let present: BTreeSet<_> = fs::read_dir(folder.join("anthropic"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(covered, present);
    println!("{} recorded answers", covered.len());
}

fn check_stream(file: &str, body: &[u8], expected: &Map<String, Value>) {
    let whole = Sum::of(AnthropicDecoder::new(), [body]);
    assert!(whole.streamed, "{file}");
    whole.check(file, expected);
    for lengths in cuts(file, body) {
        assert_eq!(Sum::of(AnthropicDecoder::new(), pieces(body, &lengths)), whole, "{file}");
    }
}

fn check_message(file: &str, body: &[u8], expected: &Map<String, Value>) {
    let whole = Sum::of(AnthropicDecoder::whole(), [body]);
    assert!(!whole.streamed, "{file}");
    whole.check(file, expected);
    for lengths in cuts(file, body) {
        assert_eq!(Sum::of(AnthropicDecoder::whole(), pieces(body, &lengths)), whole, "{file}");
    }
}

/// The oracle only has the name of the SDK's exception, so the error is compared with the body itself.
fn check_error(file: &str, status: u16, body: &[u8], expected: &Map<String, Value>) {
    let json: Value = serde_json::from_slice(body).unwrap();
    let error = AnthropicMessages.error(StatusCode::from_u16(status).unwrap(), body);
    assert_eq!(error.status.map(Value::from).as_ref(), expected.get("status"), "{file}");
    assert_eq!(json!(&*error.message), json["error"]["message"], "{file}");
    assert_eq!(json!(error.code.as_deref()), json["error"]["type"], "{file}");
    assert_eq!(json!(error.request_id.as_deref()), json["request_id"], "{file}");
}
