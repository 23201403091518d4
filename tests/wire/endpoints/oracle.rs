//! What the oracle says of an answer, key by key.

use serde_json::{Value, json};

use crate::field::case::Case;

/// Returns what the records do not fulfil.
pub(super) fn unmet(case: &Case, records: &[Value]) -> Vec<String> {
    let Some(terminal) = records.last() else { return vec!["no event".to_owned()] };
    let mut unmet = Unmet(Vec::new());
    let (want, data) = (&case.want, &terminal["data"]);
    let event = terminal["event"].as_str().unwrap_or_default();
    unmet.same("the end", event.ends_with("_error"), want["error"].is_object());
    if want["error"].is_object() {
        for key in ["kind", "message", "status", "provider_code"] {
            unmet.same(key, &data["error"][key], &want["error"][key]);
        }
    }
    if want["operation"].is_string() {
        let outputs = ["embeddings", "results", "images"].iter().map(|name| &want[*name]);
        if let Some(count) = outputs.into_iter().find(|count| count.is_u64()) {
            unmet.same("outputs", &data["outputs"], count);
        }
        if want["dimensions"].is_u64() {
            unmet.same("dimensions", &data["dimensions"], &want["dimensions"]);
        }
    } else if want["text"].is_string() {
        unmet.answer(want, &data["choices"][0]);
        unmet.same("streamed", &data["streamed"], &want["streamed"]);
    }
    for choice in want["choices"].as_array().into_iter().flatten() {
        let index = choice["index"].as_u64().expect("an index");
        let got = &data["choices"][usize::try_from(index).expect("an index")];
        for key in ["text", "finish_reason"] {
            unmet.same(&format!("choice {index}: {key}"), &got[key], &choice[key]);
        }
    }
    unmet.model(want, data);
    if want["response_id"].as_str().is_some_and(|id| !id.is_empty()) {
        unmet.same("response_id", &data["response_id"], &want["response_id"]);
    }
    unmet.usage(want, data);
    unmet.0
}

struct Unmet(Vec<String>);

impl Unmet {
    fn same<T: Copy + PartialEq + std::fmt::Display>(&mut self, what: &str, got: T, want: T) {
        if got != want {
            self.0.push(format!("{what}: {want} is wanted, {got} was recorded"));
        }
    }

    fn answer(&mut self, want: &Value, got: &Value) {
        for key in ["text", "reasoning"] {
            self.same(key, &got[key], want.get(key).unwrap_or(&json!("")));
        }
        self.same("finish_reason", &got["finish_reason"], &want["finish_reason"]);
        let none = json!([]);
        let calls = want.get("tool_calls").unwrap_or(&none);
        self.same("tool_calls", &parsed(&got["tool_calls"]), &parsed(calls));
    }

    /// The answer may say another name of the model than the request.
    fn model(&mut self, want: &Value, data: &Value) {
        let names = ["model", "model_in_body", "model_in_path"].map(|key| &want[key]);
        let (got, requested) = (&data["model"], &data["request"]["model"]);
        if want["model"].is_string() && !names.contains(&got) && *requested != want["model"] {
            self.same("model", got, &want["model"]);
        }
    }

    /// Cached and reasoning tokens of 0 stand for "not reported" too. What is not reported at all may be estimated.
    fn usage(&mut self, want: &Value, data: &Value) {
        let got = &data["usage"];
        for (key, count) in want["usage"].as_object().into_iter().flatten() {
            if !(got[key].is_null() && *count == 0) {
                self.same(key, &got[key], count);
            }
        }
        if want["usage"].is_null() && want["error"].is_null() {
            let reported = ["input", "output"].iter().any(|it| got["source"][*it] == "reported");
            self.same("a report of the usage", reported, false);
        }
        // SDKs leave out what their models do not have.
        for (key, value) in want["usage_raw"].as_object().into_iter().flatten() {
            self.same(&format!("usage_raw.{key}"), &data["usage_raw"][key], value);
        }
    }
}

/// The ids, names and arguments of calls, which must be JSON unless they were cut.
fn parsed(calls: &Value) -> Value {
    let one = |call: &Value| {
        let text = call["arguments"].as_str().unwrap_or_default();
        let arguments = serde_json::from_str(text).unwrap_or_else(|_| json!({ "cut": text }));
        json!([call["id"], call["name"], arguments])
    };
    calls.as_array().into_iter().flatten().map(one).collect()
}
