//! Recorded answers, if available, decode to what the official SDK read from them.
//!
//! They are other projects' data and are not part of this repository.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read,
};

use http::StatusCode;
use serde_json::{Map, Value, json};
use support::recordings::{cuts, folder, pieces, read_json};
use tower_llm_callbacks::{
    Delta, LlmResult, ProviderError,
    event::Accumulator,
    wire::{
        Decoder, Format,
        openai_chat::{OpenAiChat, OpenAiChatDecoder},
    },
};

const PROVIDERS: [&str; 9] = [
    "azure-openai",
    "deepseek",
    "groq",
    "llamacpp",
    "mistral",
    "openai-chat",
    "openrouter",
    "vllm",
    "writer",
];

/// The sum of an answer's deltas.
#[derive(Debug, PartialEq)]
struct Sum {
    result: LlmResult,
    finishes: BTreeMap<u32, Vec<String>>,
    error: Option<ProviderError>,
    done: bool,
}

impl Sum {
    fn of<'a>(mut decoder: impl Decoder, pieces: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut answer = Accumulator::new();
        let (mut finishes, mut error, mut done) = (BTreeMap::new(), None, false);
        let mut add = |delta: Delta<'_>| {
            assert!(!done && error.is_none(), "after the end: {delta:?}");
            answer.delta(&delta);
            match delta {
                Delta::Text { text, .. }
                | Delta::Reasoning { text, .. }
                | Delta::Refusal { text, .. } => assert!(!text.is_empty()),
                Delta::Finish { choice, reason } => {
                    finishes.entry(choice).or_insert_with(Vec::new).push(reason.into_owned());
                }
                Delta::Error(it) => error = Some(it),
                Delta::Done => done = true,
                _ => {}
            }
        };
        for piece in pieces {
            decoder.push(piece, &mut add);
        }
        decoder.finish(&mut add);
        Self { result: answer.finish(), finishes, error, done }
    }

    /// One field of all choices, concatenated as in the SDK's summary.
    fn all(&self, part: fn(&tower_llm_callbacks::event::Choice) -> &str) -> Value {
        self.result.choices.iter().map(part).collect::<String>().into()
    }

    fn by_choice(&self, part: impl Fn(&tower_llm_callbacks::event::Choice) -> Value) -> Value {
        let choices = &self.result.choices;
        Value::Object(choices.iter().map(|c| (c.index.to_string(), part(c))).collect())
    }

    fn tools(&self) -> Value {
        let mut tools = Map::new();
        for choice in &self.result.choices {
            for (index, tool) in choice.tool_calls.iter().enumerate() {
                assert!(!tool.id.is_empty());
                let key = format!("({}, {index})", choice.index);
                tools.insert(key, json!([tool.name, tool.arguments]));
            }
        }
        tools.into()
    }

    fn finish(&self) -> Value {
        assert!(self.finishes.values().all(|reasons| reasons.len() == 1));
        self.finishes.iter().map(|(choice, all)| (choice.to_string(), json!(all[0]))).collect()
    }

    /// Compares with what the SDK read. Only values in `oracle` are compared.
    fn check(&self, file: &str, oracle: &Map<String, Value>) {
        assert_eq!(self.result.decode_faults, 0, "{file}");
        let raised = oracle.get("raised").and_then(Value::as_str);
        assert_eq!(self.done, raised.is_none(), "{file}");
        assert_eq!(self.error.is_some(), raised.is_some(), "{file}");
        for (key, expected) in oracle {
            let found = match key.as_str() {
                "text" if expected.is_object() => self.by_choice(|choice| json!(choice.text)),
                "text" => self.all(|choice| &choice.text),
                "reasoning" => self.all(|choice| &choice.reasoning),
                "refusal" => self.all(|choice| &choice.refusal),
                "tools" => self.tools(),
                "finish" if expected.is_object() => self.finish(),
                "finish" => json!(self.finishes[&0][0]),
                "models" => {
                    let models = expected.as_array().unwrap();
                    let model = models.iter().find(|model| *model != "").unwrap();
                    assert_eq!(&json!(self.result.model.as_deref()), model, "{file}");
                    continue;
                }
                "raised" => {
                    let message = &*self.error.as_ref().unwrap().message;
                    assert_eq!(json!(format!("APIError: {message}")), *expected, "{file}");
                    continue;
                }
                // If the SDK raised an exception, it read no usage. Its summary leaves out nulls.
                "usage" if expected.is_null() => {
                    assert!(raised.is_some() || self.result.usage.is_none(), "{file}");
                    continue;
                }
                "usage" => {
                    self.check_usage(file, expected);
                    continue;
                }
                // The SDK's counts of chunks and placeholders.
                "chunks" | "empty_choices_chunks" | "ids" => continue,
                other => panic!("{file}: no comparison for {other}"),
            };
            assert_eq!(&found, expected, "{file}: {key}");
        }
    }

    fn check_usage(&self, file: &str, expected: &Value) {
        let raw = self.result.usage_raw.as_ref().unwrap();
        for (key, expected) in expected.as_object().unwrap() {
            assert_eq!(&raw[key], expected, "{file}: {key}");
        }
        let usage = self.result.usage.clone().unwrap();
        let count = |pointer| expected.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
        // A 0 of the summary may stand for a count that was not reported.
        for (found, pointer) in [
            (usage.input_tokens, "/prompt_tokens"),
            (usage.output_tokens, "/completion_tokens"),
            (usage.total_tokens, "/total_tokens"),
            (usage.cache_read_tokens, "/prompt_tokens_details/cached_tokens"),
            (usage.cache_write_tokens, "/prompt_tokens_details/cache_write_tokens"),
            (usage.reasoning_tokens, "/completion_tokens_details/reasoning_tokens"),
        ] {
            assert_eq!(found.unwrap_or(0), count(pointer), "{file}: {pointer}");
        }
    }
}

/// Turns one JSON text per line into an event stream.
fn framed(chunks: &str) -> String {
    let lines = chunks.lines().filter(|line| !line.is_empty()).chain(["[DONE]"]);
    lines.map(|line| format!("data: {line}\n\n")).collect()
}

#[test]
fn recorded_answers_decode_as_by_the_sdk() {
    let Some(folder) = folder() else { return };
    let oracle = read_json(&folder.join("oracle.json"));
    let index = read_json(&folder.join("index.json"));
    let entries = index.as_array().or_else(|| index["fixtures"].as_array()).unwrap();
    let nothing = Map::new();
    let mut covered = BTreeSet::new();
    for entry in entries {
        let file = entry["file"].as_str().unwrap();
        let (provider, name) = file.split_once('/').unwrap();
        // OpenRouter's Responses use another API.
        if !PROVIDERS.contains(&provider) || name.starts_with("responses_") {
            continue;
        }
        let body = fs::read(folder.join(file)).unwrap();
        let expected = oracle["fixtures"][file].as_object().unwrap_or(&nothing);
        let status = u16::try_from(entry["status"].as_u64().unwrap()).unwrap();
        if status >= 400 {
            check_error(file, status, &body);
        } else if name.ends_with(".sse") {
            check_stream(file, &body, expected);
        } else if name.ends_with(".chunks.txt") {
            check_stream(file, framed(&String::from_utf8(body).unwrap()).as_bytes(), expected);
        } else if name.ends_with(".json.gz") {
            let mut inflated = Vec::new();
            flate2::read::GzDecoder::new(&*body).read_to_end(&mut inflated).unwrap();
            check_whole(file, &inflated, expected);
        } else if name.ends_with(".json") {
            check_whole(file, &body, expected);
        } else {
            panic!("no rule for {file}");
        }
        covered.insert(file.to_owned());
    }
    let mut present = BTreeSet::new();
    for provider in PROVIDERS {
        for entry in fs::read_dir(folder.join(provider)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if !name.starts_with("responses_") {
                present.insert(format!("{provider}/{name}"));
            }
        }
    }
    assert_eq!(covered, present);
    println!("{} recorded answers", covered.len());
}

fn check_stream(file: &str, body: &[u8], expected: &Map<String, Value>) {
    let whole = Sum::of(OpenAiChatDecoder::new(), [body]);
    assert!(whole.result.streamed, "{file}");
    whole.check(file, expected);
    check_unseen(file, body, &whole);
    for lengths in cuts(file, body) {
        assert_eq!(Sum::of(OpenAiChatDecoder::new(), pieces(body, &lengths)), whole, "{file}");
    }
}

fn check_whole(file: &str, body: &[u8], expected: &Map<String, Value>) {
    let whole = Sum::of(OpenAiChatDecoder::whole(), [body]);
    assert!(!whole.result.streamed, "{file}");
    whole.check(file, expected);
    check_unseen(file, body, &whole);
    for lengths in cuts(file, body) {
        assert_eq!(Sum::of(OpenAiChatDecoder::whole(), pieces(body, &lengths)), whole, "{file}");
        assert_eq!(Sum::of(OpenAiChatDecoder::new(), pieces(body, &lengths)), whole, "{file}");
    }
}

/// Compares what the SDK's summary leaves out.
fn check_unseen(file: &str, body: &[u8], sum: &Sum) {
    let usage = || {
        let raw = sum.result.usage_raw.as_ref().unwrap();
        assert_eq!(
            json!(sum.result.usage.as_ref().unwrap().total_tokens),
            raw["total_tokens"],
            "{file}"
        );
    };
    let code = || sum.error.as_ref().unwrap().code.clone().unwrap();
    match file {
        "azure-openai/content_filter.json" => {
            assert_eq!(sum.finishes[&0], ["content_filter"]);
            assert_eq!(sum.result.text(), "");
            usage();
        }
        "openai-chat/legacy_completions.sse" => {
            let chunks = str::from_utf8(body).unwrap().lines();
            let text: String = chunks
                .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
                .map(|chunk: Value| chunk["choices"][0]["text"].as_str().unwrap().to_owned())
                .collect();
            assert!(!text.is_empty());
            assert_eq!(sum.result.text(), text);
            assert_eq!(sum.finishes[&0], ["stop"]);
        }
        "openrouter/chat_midstream_error.sse" => {
            usage();
            assert!(code().parse::<u16>().is_ok());
        }
        "groq/midstream_event_error.sse" => assert!(code().ends_with("_failed")),
        _ => assert!(sum.done, "{file}"),
    }
    assert!(sum.result.response_id.as_deref().is_some_and(|id| !id.is_empty()), "{file}");
}

/// The oracle only has the name of the SDK's exception, so the error is compared with the body itself.
fn check_error(file: &str, status: u16, body: &[u8]) {
    let json: Value = serde_json::from_slice(body).unwrap();
    let error = OpenAiChat.error(StatusCode::from_u16(status).unwrap(), body);
    assert_eq!(error.status, Some(status), "{file}");
    assert_eq!(json!(&*error.message), json["error"]["message"], "{file}");
    let code = Some(&json["error"]["code"]).filter(|code| code.is_string());
    assert_eq!(json!(error.code.as_deref()), *code.unwrap_or(&json["error"]["type"]), "{file}");
}
