//! What a case wants of the end record, key by key.

use serde_json::{Value, json};

use super::case::Case;

/// Returns what the records do not fulfil.
pub(super) fn unmet(case: &Case, records: &[Value]) -> Vec<String> {
    let Some(want) = case.want.as_object() else { panic!("{}: `want` is no object", case.name) };
    let Some(terminal) = records.last() else { return vec!["no event".to_owned()] };
    want.iter()
        .filter_map(|(key, want)| match holds(terminal, key, want) {
            (true, _) => None,
            (false, got) => Some(format!("{key}: {want} is wanted, {got} was recorded")),
        })
        .collect()
}

/// Whether a record holds what is wanted, and what it holds.
fn holds(record: &Value, key: &str, want: &Value) -> (bool, Value) {
    let data = &record["data"];
    let choice = &data["choices"][0];
    let error = &data["error"];
    let equal = |got: Value| (got == *want, got);
    match key {
        "event" => equal(record["event"].clone()),
        "text" | "reasoning" => equal(choice[key].clone()),
        "finish" => equal(choice["finish_reason"].clone()),
        "finish_any" => {
            let got = &choice["finish_reason"];
            (want.as_array().is_some_and(|any| any.contains(got)), got.clone())
        }
        "tools" => equal(calls(choice)),
        "n_tools" => equal(json!(choice["tool_calls"].as_array().map_or(0, Vec::len))),
        "n_choices" => equal(json!(data["choices"].as_array().map_or(0, Vec::len))),
        "usage" => {
            let counts = want.as_object().into_iter().flatten();
            let mut counts = counts.map(|(key, count)| same_count(&data["usage"][key], count));
            (counts.all(|same| same), data["usage"].clone())
        }
        "faults" => equal(data["decode_faults"].clone()),
        "streamed" | "tokens" => equal(data[key].clone()),
        "kind" | "message" | "status" => equal(error[key].clone()),
        "code" => equal(error["provider_code"].clone()),
        "message_has" => {
            let got = error["message"].as_str().unwrap_or_default();
            let part = want.as_str().unwrap_or_else(|| panic!("`message_has` is no text: {want}"));
            (got.contains(part), error["message"].clone())
        }
        // Not all of these at once.
        "not" => {
            let all: Vec<_> = want.as_object().into_iter().flatten().collect();
            let met = |(key, want): &(&String, &Value)| holds(record, key, want).0;
            (!all.iter().all(met), record["event"].clone())
        }
        other => panic!("this test does not know the key `{other}` of `want`"),
    }
}

/// Cached and reasoning tokens of 0 stand for "not reported" too.
fn same_count(got: &Value, want: &Value) -> bool {
    got == want || (want == 0 && got.is_null())
}

/// The tool calls as pairs of the name and the arguments, which must be a JSON text.
fn calls(choice: &Value) -> Value {
    let pair = |call: &Value| {
        let text = call["arguments"].as_str().unwrap_or_default();
        let arguments = serde_json::from_str(text).unwrap_or_else(|_| json!({ "not JSON": text }));
        json!([call["name"], arguments])
    };
    choice["tool_calls"].as_array().into_iter().flatten().map(pair).collect()
}
