//! Recorded answers of Ollama, if available, decode to what a direct reading of their lines yields.
//!
//! They are other projects' data and are not part of this repository.

use std::{collections::BTreeSet, fs};

use serde_json::{Value, json};
use support::recordings::{cuts, folder, pieces};
use tower_llm_callbacks::{
    Delta, LlmResult,
    event::Accumulator,
    wire::{Decoder, ollama::OllamaDecoder},
};

fn sum<'a>(
    mut decoder: OllamaDecoder,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (LlmResult, bool) {
    let (mut answer, mut done) = (Accumulator::new(), false);
    let mut each = |delta: Delta<'_>| {
        assert!(!done, "after the end: {delta:?}");
        assert!(!matches!(delta, Delta::Error(_)), "{delta:?}");
        done = delta == Delta::Done;
        answer.delta(&delta);
    };
    for piece in pieces {
        decoder.push(piece, &mut each);
    }
    decoder.finish(&mut each);
    (answer.finish(), done)
}

#[test]
fn recorded_answers_decode_as_written() {
    let Some(folder) = folder() else { return };
    let mut covered = BTreeSet::new();
    for entry in fs::read_dir(folder.join("ollama")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        assert!(file.ends_with(".ndjson"), "no rule for {file}");
        let body = fs::read(folder.join("ollama").join(&file)).unwrap();
        let whole = sum(OllamaDecoder::new(), [&*body]);
        check(&file, &body, &whole.0);
        assert!(whole.1, "{file}");
        for lengths in cuts(&file, &body) {
            assert_eq!(sum(OllamaDecoder::new(), pieces(&body, &lengths)), whole, "{file}");
        }
        covered.insert(file);
    }
    assert!(covered.contains("chat.ndjson") && covered.contains("tools.ndjson"));
}

/// There is no oracle, so the result is compared with the lines themselves.
fn check(file: &str, body: &[u8], result: &LlmResult) {
    let lines: Vec<Value> = String::from_utf8(body.to_vec())
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let last = lines.last().unwrap();
    let joined = |name: &str| -> String {
        lines.iter().filter_map(|line| line["message"][name].as_str()).collect()
    };
    assert_eq!(result.decode_faults, 0, "{file}");
    assert!(result.streamed, "{file}");
    assert_eq!(json!(result.model.as_deref()), last["model"], "{file}");
    assert_eq!(result.response_id, None, "{file}");
    let [choice] = &*result.choices else { panic!("{file}: {result:?}") };
    assert_eq!(choice.text, joined("content"), "{file}");
    assert_eq!(choice.reasoning, joined("thinking"), "{file}");
    assert_eq!(json!(choice.finish_reason.as_deref()), last["done_reason"], "{file}");
    let expected: Vec<Value> = lines
        .iter()
        .flat_map(|line| line["message"]["tool_calls"].as_array().into_iter().flatten())
        .map(|call| json!([call["id"], call["function"]["name"], call["function"]["arguments"]]))
        .collect();
    let found: Vec<Value> = choice
        .tool_calls
        .iter()
        .map(|call| {
            let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
            json!([call.id, call.name, arguments])
        })
        .collect();
    assert_eq!(found, expected, "{file}");
    assert_eq!(file == "tools.ndjson", !found.is_empty(), "{file}");
    let usage = result.usage.clone().unwrap();
    assert_eq!(json!(usage.input_tokens), last["prompt_eval_count"], "{file}");
    assert_eq!(json!(usage.output_tokens), last["eval_count"], "{file}");
    let sum = usage.input_tokens.unwrap() + usage.output_tokens.unwrap();
    assert_eq!(usage.total_tokens, Some(sum), "{file}");
    assert_eq!(result.usage_raw.as_ref().unwrap()["total_duration"], last["total_duration"]);
}
