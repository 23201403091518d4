//! Recorded answers of endpoints, through the HTTP layer, in all cuts: each gives what its oracle says.

mod oracle;

use std::{env, fs, path::Path};

use serde_json::{Value, json};
use support::recordings::{folder, read_json};

use crate::field::{case::Case, faults};

/// Returns what the records of a case do not fulfil.
type Unmet = fn(&Case, &[Value]) -> Vec<String>;

/// Checks every recording in these folders.
#[track_caller]
pub(crate) fn check(folders: &[&str], unmet: Unmet) {
    let Some(root) = folder().map(|folder| folder.join("endpoints")) else { return };
    if !root.is_dir() {
        assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "missing: {}", root.display());
        println!("skipped: the recordings of endpoints are missing: {}", root.display());
        return;
    }
    let (index, oracle) =
        (read_json(&root.join("index.json")), read_json(&root.join("oracle.json")));
    let rows = index.as_array().unwrap().iter().map(|row| case(&root, row, &oracle));
    let cases: Vec<Case> = rows
        .filter(|case| folders.iter().any(|folder| case.name.starts_with(&format!("{folder}/"))))
        .collect();
    for folder in folders {
        assert!(cases.iter().any(|case| case.name.starts_with(folder)), "nothing in {folder}");
    }
    let runtime = support::Flavor::Current.runtime();
    let mut failed = Vec::new();
    for case in &cases {
        let faults = runtime.block_on(faults(case, unmet));
        if !faults.is_empty() {
            failed.push(format!("{} ({})\n    {}", case.name, case.why, faults.join("\n    ")));
        }
    }
    assert!(failed.is_empty(), "{} of {}:\n\n{}", failed.len(), cases.len(), failed.join("\n\n"));
}

#[test]
fn generated_answers_are_recorded_as_the_sdks_read_them() {
    check(
        &[
            "anthropic-complete",
            "cohere-v1",
            "cohere-v2",
            "gemini-interactions",
            "responses",
            "vertex-anthropic",
            "writer",
        ],
        unmet,
    );
}

#[test]
fn answers_of_bedrock_are_recorded_as_the_sdk_read_them() {
    check(
        &["bedrock-converse", "bedrock-converse-stream", "bedrock-invoke", "bedrock-invoke-stream"],
        oracle::unmet,
    );
}

#[test]
fn what_calls_no_model_is_not_observed() {
    check(&["controls", "count-tokens"], unmet);
}

fn case(root: &Path, row: &Value, oracle: &Value) -> Case {
    let text = |key: &str| row[key].as_str().map(str::to_owned);
    let name = text("file").unwrap();
    let want = oracle[&name].clone();
    let no_call = want["observe"] == false || want["operation"] == "count_tokens";
    Case {
        why: text("note").unwrap_or_default(),
        method: text("method").unwrap(),
        path: text("request_path").unwrap(),
        request: text("request_body").unwrap_or_default().into(),
        status: row["status"].as_u64().and_then(|status| status.try_into().ok()).unwrap(),
        content_type: text("content_type"),
        content_encoding: text("content_encoding"),
        // The body comes in frames of its own here.
        headers: row["response_headers"]
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| *name != "transfer-encoding")
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect(),
        hold: false,
        body: fs::read(root.join(&name)).unwrap(),
        observed: !no_call,
        want,
        name,
    }
}

/// Returns what the records do not fulfil.
fn unmet(case: &Case, records: &[Value]) -> Vec<String> {
    if !case.observed {
        return vec![];
    }
    let Some((start, end)) = records.first().zip(records.last()) else {
        return vec!["no event".to_owned()];
    };
    let data = &end["data"];
    let mut unmet = Vec::new();
    let mut compare = |what: &str, want: &Value, got: &Value| {
        if !same(want, got) {
            unmet.push(format!("{what}: {want} is wanted, {got} was recorded"));
        }
    };
    let ending = if case.want["error"].is_null() { "llm_end" } else { "llm_error" };
    compare("event", &json!(ending), &end["event"]);
    for (key, want) in case.want.as_object().unwrap() {
        let choice = &data["choices"][0];
        match key.as_str() {
            "text" | "reasoning" => compare(key, want, &choice[key]),
            // An answer that is not there yet is no empty answer that ended.
            "finish_reason" if case.want["completed"] == false => {}
            "status" if case.want["completed"] == false => {
                compare(key, want, &choice["finish_reason"]);
            }
            "finish_reason" => compare(key, want, &choice["finish_reason"]),
            "tool_calls" => compare(key, &calls(want), &calls(&choice["tool_calls"])),
            "usage" if want.is_null() => compare("usage_raw", want, &data["usage_raw"]),
            "usage" => {
                for (count, want) in want.as_object().unwrap() {
                    let got = &data["usage"][count];
                    // Cached and reasoning tokens of 0 stand for "not reported" too.
                    if !(want == 0 && got.is_null()) {
                        compare(&format!("usage.{count}"), want, got);
                    }
                }
            }
            "usage_raw" => {
                for (member, want) in want.as_object().into_iter().flatten() {
                    compare(&format!("usage_raw.{member}"), want, &data["usage_raw"][member]);
                }
            }
            "completed" if want == false => compare("usage", &Value::Null, &data["usage"]),
            "model" => {
                let requested = &start["data"]["model"];
                compare(
                    key,
                    want,
                    if data["model"].is_null() { requested } else { &data["model"] },
                );
            }
            "model_in_path" => compare(key, want, &start["data"]["model"]),
            "response_id" | "streamed" => compare(key, want, &data[key]),
            "error" => {
                for (member, want) in want.as_object().unwrap() {
                    compare(member, want, &data["error"][member]);
                }
            }
            _ => {}
        }
    }
    compare("decode_faults", &json!(0), &data.get("decode_faults").cloned().unwrap_or(json!(0)));
    unmet
}

/// The calls, with their arguments as JSON values.
fn calls(calls: &Value) -> Value {
    let call = |call: &Value| {
        let arguments = call["arguments"].as_str().unwrap_or_default();
        let arguments = serde_json::from_str::<Value>(arguments).unwrap_or(json!(arguments));
        json!([call["id"].as_str().unwrap_or_default(), call["name"], arguments])
    };
    calls.as_array().into_iter().flatten().map(call).collect()
}

/// Whether values are equal, however their numbers are written.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}
